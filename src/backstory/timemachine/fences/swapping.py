"""Putting one thing in the place of another for a while, in the whole process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def swapped(owner: object, name: str, stand_in: object) -> Iterator[None]:
    """Let *owner* have *stand_in* under *name*."""
    own = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


@contextmanager
def swapped_everywhere(stand_ins: Mapping[object, object]) -> Iterator[None]:
    """Let every module that holds a key of *stand_ins* hold its value.

    So it works for `from os import urandom` too. What holds one outside a module's own names, such
    as a class or a default value, keeps it.
    """
    _swap(stand_ins)
    try:
        yield
    finally:
        _swap({stand_in: original for original, stand_in in stand_ins.items()})


def _swap(stand_ins: Mapping[object, object]) -> None:
    wanted = {id(original): stand_in for original, stand_in in stand_ins.items()}
    modules = cast("dict[str, object]", sys.modules)  # anybody may put anything there
    for module in list(modules.values()):
        if not isinstance(module, ModuleType):
            continue
        names = vars(module)
        if wanted.keys().isdisjoint(map(id, list(names.values()))):
            continue
        for name, value in list(names.items()):
            if id(value) in wanted:
                names[name] = wanted[id(value)]
