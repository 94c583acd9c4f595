"""Errors in log lines: type, place and cause; what they say only where no user's data can be in it.

Databases put the values of a row into their messages, and a KeyError is nothing but its key. So the
message of an error that is not Backstory's own is left out, and of ours the part that quotes one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final

import msgspec

from backstory.core.errors import BackstoryError

WITHHELD: Final = "…"
_MOST_CAUSES: Final = 5
_MOST_FRAMES: Final = 20


class Failure(msgspec.Struct, frozen=True):
    """An error as a line shows it; `stack` is innermost last, `message` None when withheld."""

    type: str
    message: str | None
    stack: tuple[str, ...]


def failures_of(error: BaseException, *, messages: bool) -> Iterator[Failure]:
    """Yield *error* and what caused it, the first first; *messages* withholds nothing."""
    current: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if current is None:
            return
        yield Failure(
            type(current).__qualname__, message_of(current, messages=messages), _stack(current)
        )
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def message_of(error: BaseException, *, messages: bool) -> str | None:
    """Return what *error* says, None when it may hold what a user wrote."""
    if messages:
        return _said(error)
    if isinstance(error, BackstoryError):
        reason = getattr(error, "reason", None)  # in the words of another error
        said = _said(error)
        return said.replace(reason, WITHHELD) if isinstance(reason, str) and reason else said
    return error.strerror if isinstance(error, OSError) else None


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a class of somebody else's may fail even at this
        return "(it cannot say what)"


def _stack(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return tuple(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
