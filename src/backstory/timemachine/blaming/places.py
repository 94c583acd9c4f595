"""Places in a user's code: the line that runs, and those that called it."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Final

import msgspec

_PASSED_OVER: Final = ("sqlalchemy.", "backstory.projections.", "backstory.timemachine.")


class Place(msgspec.Struct, frozen=True):
    """A line of a user's code."""

    file: str
    line: int
    function: str

    @property
    def source(self) -> str:
        """Return the line as it is written, without its indentation; empty if it cannot be had."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        """Return file, line and function as messages have them."""
        return f"{self.file}:{self.line} ({self.function})"


def code_of(function: Callable[..., object]) -> CodeType | None:
    """Return the code of *function*, beneath its decorators; None where it is not Python."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code if isinstance(code, CodeType) else None


def beginning_of(function: Callable[..., object]) -> Place | None:
    """Return where *function* begins; None where it is not Python."""
    code = code_of(function)
    if code is None:
        return None
    return Place(code.co_filename, _line_of(code), code.co_name)


def _line_of(code: CodeType) -> int:
    """Return where it says `def`, which is beneath the decorators with which *code* begins."""
    line = first = code.co_firstlineno
    while text := linecache.getline(code.co_filename, line).lstrip():
        if text.startswith(("def ", "async def ")):
            return line
        line += 1
    return first


def places_of(writes: object) -> tuple[Place, ...]:
    """Return the lines at which a generator stands, outermost first; none for anything else."""
    found = []
    while inspect.isgenerator(writes) and writes.gi_frame is not None:
        code = writes.gi_code
        found.append(Place(code.co_filename, writes.gi_frame.f_lineno, code.co_name))
        writes = writes.gi_yieldfrom
    return tuple(found)


def places_up_to(code: CodeType | None) -> tuple[Place, ...]:
    """Return the lines of a user's code that run now in this thread, outermost first.

    The outermost is in *code*, or, where that is not found, the first that we called.
    """
    frames = list(_user_frames(sys._getframe(1), code))  # noqa: SLF001 - Python's only way in
    return tuple(
        Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        for frame in reversed(frames)
    )


def _user_frames(frame: FrameType | None, code: CodeType | None) -> Iterator[FrameType]:
    begun = False
    while frame is not None:
        theirs = not str(frame.f_globals.get("__name__", "")).startswith(_PASSED_OVER)
        if begun and not theirs:
            return
        if theirs:
            begun = True
            yield frame
        if frame.f_code is code:
            return
        frame = frame.f_back
