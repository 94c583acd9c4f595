"""Whose a file is: the user's, a library's, Python's or ours."""

from __future__ import annotations

import os
import sysconfig
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final


class Owner(Enum):
    """Who wrote a file."""

    FENCES = 1
    BACKSTORY = 2
    PYTHON = 3
    LIBRARY = 4
    USER = 5


_FENCES: Final = Path(__file__).parent
_BACKSTORY: Final = _FENCES.parent.parent
_DEMO: Final = _BACKSTORY / "demo"
_PYTHON: Final = frozenset(
    Path(path)
    for name in ("stdlib", "platstdlib")
    for path in (sysconfig.get_path(name), os.path.realpath(sysconfig.get_path(name)))
)
_LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})


@cache
def owner_of(file: str) -> Owner:
    """Return who wrote *file*, as a code object names it. The demo is written as users write."""
    if file.startswith("<frozen "):
        return Owner.PYTHON
    path = Path(file)
    for folder, owner in (
        (_FENCES, Owner.FENCES),
        (_DEMO, Owner.USER),
        (_BACKSTORY, Owner.BACKSTORY),
    ):
        if path.is_relative_to(folder):
            return owner
    if _LIBRARIES.intersection(path.parts):
        return Owner.LIBRARY
    if any(path.is_relative_to(folder) for folder in _PYTHON):
        return Owner.PYTHON
    return Owner.USER
