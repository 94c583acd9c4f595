"""The public names: one list, kept in three places that must agree."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import backstory


def test_the_public_list_is_what_the_package_can_load() -> None:
    """Type checkers read the list, Python reads the homes."""
    homes = backstory._HOMES  # noqa: SLF001 - the other side of the comparison
    named = [name for names in homes.values() for name in names]
    assert sorted(backstory.__all__) == sorted(named)
    assert len(named) == len(set(named))


def test_type_checkers_find_every_name_where_python_finds_it() -> None:
    """The imports under TYPE_CHECKING say the same as the homes."""
    tree = ast.parse(Path(backstory.__file__ or "").read_text(encoding="utf-8"))
    checked = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = backstory._HOMES  # noqa: SLF001 - the other side of the comparison
    assert checked == {(home, name) for home, names in homes.items() for name in names}


@pytest.mark.parametrize("name", backstory.__all__)
def test_a_public_name_is_the_thing_of_its_home(name: str) -> None:
    """Every name on the list can be imported."""
    home = next(
        home
        for home, names in backstory._HOMES.items()  # noqa: SLF001 - where it should live
        if name in names
    )
    assert getattr(backstory, name) is getattr(import_module(home), name)
    assert name in dir(backstory)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for every module."""
    with pytest.raises(AttributeError, match="'backstory' has no attribute 'Nothing'"):
        _ = backstory.Nothing
