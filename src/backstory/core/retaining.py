"""Ending streams for good, and erasing what nobody may read any more.

These are the two things that cannot be said by appending. Soft deletion, metadata and retention are
appends, and rules for whoever reads; see `backstory.stores.retention`.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from backstory.core.errors import InvalidInput, StoreError
from backstory.core.events import Appended
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    Expected,
    WrongExpectedRevision,
)

TOMBSTONE_REVISION: Final = 2**63 - 1
"""The revision of the event that ends a stream, as KurrentDB has it: nothing can follow."""

STREAM_DELETED: Final = "$streamDeleted"
"""The type of the event that ends a stream."""


class StreamDeleted(StoreError):
    """The stream was ended for good; nothing can be appended to it, and its name is burnt."""

    stream: str

    def __init__(self, stream: str) -> None:
        """Report the *stream*."""
        self.stream = stream
        super().__init__(
            f"the stream {stream!r} was ended by a tombstone. Nothing was written; "
            "its name cannot be used again, so choose another."
        )


@runtime_checkable
class Retaining(Protocol):
    """The power to end streams and to erase events (`Power.RETAINING`).

    A stream with a tombstone ends at `TOMBSTONE_REVISION`. Every append to it raises
    `StreamDeleted`, whatever it expects. What it held stays readable until it is erased.

    Erasing leaves gaps: revisions and positions of other events do not change, and those erased are
    never given again. `Verifying.verify` tells such a gap from a fault.
    """

    async def tombstone(self, stream: str, *, expected: Expected = ANY) -> Appended:
        """End *stream* with an event `STREAM_DELETED`, and answer where that stands.

        The event has the revision `TOMBSTONE_REVISION`, the next position, and neither data nor
        metadata (`{}`). A stream that never was can be ended, too. Durable as an append is.

        Raises `StreamDeleted` when the stream has ended already, `WrongExpectedRevision` when it is
        not as *expected* (which here knows no repetition), and what an append raises.
        """
        ...

    async def erase(self, stream: str, *, before: int) -> int:
        """Erase the events of *stream* before the revision *before*; answer how many there were.

        Never erases a tombstone, nor the newest event of a stream that has none: its revision tells
        where the stream goes on. All or nothing, and durable. Erasing again answers 0. Copies
        elsewhere are not erased: replicas, backups, read models, and what the file system keeps.

        Raises `InvalidInput` when *before* is no revision, and what an append raises.
        """
        ...


def check_before(before: int) -> int:
    """Return *before* when it is a revision to erase up to; raises `InvalidInput` otherwise."""
    given: object = before
    if (
        isinstance(given, bool)
        or not isinstance(given, int)
        or not 0 <= given <= TOMBSTONE_REVISION
    ):
        message = f"before is a revision from 0 to 2**63 - 1, not {before!r}"
        raise InvalidInput(message)
    return before


def judge_ending(stream: str, expected: Expected, actual: int | None) -> None:
    """Raise unless *stream*, whose last revision is *actual*, may be ended as *expected*.

    Raises `StreamDeleted` or `WrongExpectedRevision`.
    """
    if actual == TOMBSTONE_REVISION:
        raise StreamDeleted(stream)
    if isinstance(expected, int):
        as_expected = actual == expected
    else:
        as_expected = expected is ANY or (expected is NO_STREAM) == (actual is None)
    if not as_expected:
        raise WrongExpectedRevision(stream=stream, expected=expected, actual=actual)
