"""Where in a user's code a call came from, and what it is called there."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Final, NamedTuple

from backstory.timemachine.fences.calls import called_at
from backstory.timemachine.fences.files import Owner, owner_of

_OBSERVERS: Final = frozenset({"logging", "opentelemetry", "prometheus_client", "sentry_sdk"})
"""What only looks on: the time it notes goes to a log, never into a row."""


class Place(NamedTuple):
    """A call of the world: its name, the user's line that led to it, the modules in between."""

    what: str
    file: str
    line: int
    function: str
    through: frozenset[str]

    @property
    def only_looks_on(self) -> bool:
        """Say whether it was called for a log, a trace or a metric."""
        return not self.through.isdisjoint(_OBSERVERS)

    def __str__(self) -> str:
        """Return file, line and function, for messages."""
        return f"{self.file}:{self.line} ({self.function})"


def place_of(inner: FrameType, last: FrameType | None, name: str | None) -> Place:
    """Return the place of a call that *inner* made, behind the fence that frame *last* stands at.

    That is the innermost line of the user; where there is none, the outermost of a library, for an
    application may be installed like one; else the innermost of all. *name* is what was called,
    None to look in the source.
    """
    frames = [frame for frame in _frames(inner, last) if _owner(frame) is not Owner.FENCES]
    users = [place for place, frame in enumerate(frames) if _owner(frame) is Owner.USER]
    libraries = [place for place, frame in enumerate(frames) if _owner(frame) is Owner.LIBRARY]
    blamed = (users[:1] or libraries[-1:] or [0])[0]
    between = frozenset(_root_module(frame) for frame in frames[:blamed])
    guilty = frames[blamed]
    return Place(
        _what(frames[: blamed + 1], name),
        guilty.f_code.co_filename,
        guilty.f_lineno,
        guilty.f_code.co_name,
        between,
    )


def _frames(inner: FrameType, last: FrameType | None) -> Iterator[FrameType]:
    frame: FrameType | None = inner
    while frame is not None:
        yield frame
        frame = None if frame is last else frame.f_back


def _owner(frame: FrameType) -> Owner:
    return owner_of(frame.f_code.co_filename)


def _root_module(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _what(frames: list[FrameType], name: str | None) -> str:
    """Return what was called: a function of Python's or ours, as seen by whoever is not."""
    entered = None
    for frame in frames:
        if _owner(frame) not in {Owner.PYTHON, Owner.BACKSTORY}:
            break
        entered = frame
    if entered is None:
        return called_at(frames[0]) if name is None else name
    module = _module(entered) if _owner(entered) is Owner.PYTHON else _root_module(entered)
    return f"{module}.{_function(entered)}()"


def _function(frame: FrameType) -> str:
    name = frame.f_code.co_qualname.removesuffix(".__init__")
    # The functions of `random` are methods of an instance that nobody sees.
    return name.removeprefix("Random.") if _module(frame) == "random" else name
