from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from backstory.core import errors
from backstory.core.errors import BackstoryError
from tests.architecture.tree import every_module

Link = tuple[str, str]
"""The names of an error and of the error it is a kind of."""

# Errors that belong to an application or to a test, not to Backstory's own tree.
NOT_DRAWN = ("backstory.demo", "backstory.testing")


def _drawn() -> Iterator[Link]:
    path: list[str] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        found = re.fullmatch(r"(?P<branches>[│├└─ ]*)(?P<name>\w+)", line)
        if found and (found["branches"] or found["name"] == "BackstoryError"):
            path[len(found["branches"]) // 4 :] = [found["name"]]
            if len(path) > 1:
                yield path[-1], path[-2]


def _classes(parent: type[BackstoryError] = BackstoryError) -> Iterator[type[BackstoryError]]:
    yield parent
    for child in parent.__subclasses__():
        ours = child.__module__.startswith("backstory.")
        if ours and not child.__module__.startswith(NOT_DRAWN):
            yield from _classes(child)


def _real() -> Iterator[Link]:
    for child in _classes():
        for parent in child.__bases__:
            if issubclass(parent, BackstoryError):
                yield child.__name__, parent.__name__


def test_the_drawing_of_the_errors_is_the_tree_of_the_errors() -> None:
    """What the docstring draws is what `except` catches."""
    every_module()
    assert sorted(_drawn()) == sorted(set(_real()))


def test_every_error_explains_itself() -> None:
    """The docstring is the default message, so each class has one of its own."""
    every_module()
    assert [error for error in _classes() if not vars(error).get("__doc__")] == []
