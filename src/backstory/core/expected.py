"""What an append requires of its stream: the values, the rule and the error.

The rule is KurrentDB's, so that a program can move between the two: see its documentation of
"expected revision" and idempotent appends.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

from backstory.core.errors import InvalidInput, StoreError


class StreamState(Enum):
    """A requirement on a stream that is not an exact revision."""

    ANY = "any"
    NO_STREAM = "no stream"
    STREAM_EXISTS = "stream exists"

    def __repr__(self) -> str:
        """Return the name users write."""
        return self.name


ANY: Final = StreamState.ANY
"""No requirement: append to the stream whatever it holds."""

NO_STREAM: Final = StreamState.NO_STREAM
"""The stream must not exist yet."""

STREAM_EXISTS: Final = StreamState.STREAM_EXISTS
"""The stream must hold at least one event."""

Expected: TypeAlias = StreamState | int
"""`ANY`, `NO_STREAM`, `STREAM_EXISTS`, or the revision the stream's last event must have."""


class WrongExpectedRevision(StoreError):
    """The stream is not as the append required; nothing was written."""

    stream: str
    expected: Expected
    actual: int | None

    def __init__(self, *, stream: str, expected: Expected, actual: int | None) -> None:
        """Report the *stream*, what was *expected*, and its last revision (None: no stream)."""
        self.stream, self.expected, self.actual = stream, expected, actual
        found = "the stream does not exist" if actual is None else f"its last revision is {actual}"
        wanted = f"revision {expected}" if isinstance(expected, int) else repr(expected)
        super().__init__(
            f"append to {stream!r} expected {wanted}, but {found}. Nothing was written; "
            "read the stream again and decide anew."
        )


class Verdict(Enum):
    """What a store does with an append, once it knows the stream's last revision."""

    WRITE = "write the events"
    RETRY_ELSEWHERE = "all ids known in the stream: answer the original; first unknown: write"
    RETRY_IN_PLACE = "ids equal to those at the expected place: answer the original; else conflict"
    CONFLICT = "refuse"


def check_expected(expected: Expected) -> Expected:
    """Return *expected* when it is one; raises `InvalidInput` for anything else."""
    if isinstance(expected, StreamState):
        return expected
    revision: object = expected  # callers without a type checker pass anything
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        message = (
            f"expected is ANY, NO_STREAM, STREAM_EXISTS or a revision from 0 up, not {expected!r}"
        )
        raise InvalidInput(message)
    return expected


def judge(expected: Expected, actual: int | None) -> Verdict:
    """Return what to do with an append that expects *expected* of a stream at *actual*.

    *actual* is the revision of the stream's last event, None when there is no stream.
    """
    if expected is ANY or expected is STREAM_EXISTS:
        if actual is not None:
            return Verdict.RETRY_ELSEWHERE
        return Verdict.WRITE if expected is ANY else Verdict.CONFLICT
    wanted = first_revision(expected)
    if actual is None:
        return Verdict.WRITE if wanted == 0 else Verdict.CONFLICT
    if wanted == actual + 1:
        return Verdict.WRITE
    return Verdict.RETRY_IN_PLACE if wanted <= actual else Verdict.CONFLICT


def first_revision(expected: Expected) -> int:
    """Return the revision of the first event of an append that expects *expected* (not `ANY`)."""
    return expected + 1 if isinstance(expected, int) else 0
