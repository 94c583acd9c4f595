from __future__ import annotations

from typing import Final

import backstory
from tests.architecture.tree import PACKAGE, ROOT, project_files, shown

SAYS_NOTHING: Final = {"util", "helper", "common", "base", "misc", "manager", "shared", "stuff"}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    """The tree is the manual: a name like utils tells a stranger nothing."""
    empty = [
        shown(path)
        for path in project_files()
        for part in path.relative_to(ROOT).with_suffix("").parts
        for word in part.strip("_.").lower().split("_")
        if word.removesuffix("s") in SAYS_NOTHING or word in SAYS_NOTHING
    ]
    assert empty == []


def test_every_public_name_can_be_imported() -> None:
    """What `__all__` announces is there, and `dir()` shows it."""
    for name in backstory.__all__:
        assert getattr(backstory, name) is not None
        assert name in dir(backstory)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """Loading names late must not change what a typing error looks like."""
    assert not hasattr(backstory, "no_such_name")


def test_the_package_says_that_it_is_typed() -> None:
    """Without the marker, type checkers ignore every annotation."""
    assert (PACKAGE / "py.typed").is_file()
