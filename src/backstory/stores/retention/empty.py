"""An append of no events: a question whether the stream is as expected."""

from __future__ import annotations

import msgspec

from backstory.core.clock import Clock, system_clock
from backstory.core.expected import (
    ANY,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.retaining import StreamDeleted
from backstory.core.store import EventStore
from backstory.stores.retention.standing import standing_of


class Unmoved(msgspec.Struct, frozen=True):
    """Where a stream ends: at a revision, and its last event at a position; None: nowhere."""

    revision: int | None
    position: int | None


async def append_nothing(
    store: EventStore, stream: str, *, expected: Expected = ANY, clock: Clock = system_clock
) -> Unmoved:
    """Answer where *stream* ends, if it is as *expected*.

    Raises `WrongExpectedRevision` and `StreamDeleted` as an append of events would.
    """
    standing = await standing_of(store, stream, clock=clock)
    if standing.ended or (standing.deleted and expected is STREAM_EXISTS):
        raise StreamDeleted(stream)
    if isinstance(expected, int):
        as_expected = standing.last == expected
    elif expected is STREAM_EXISTS:  # its metadata are enough of a stream
        as_expected = standing.last is not None or standing.metadata_revision is not None
    else:
        as_expected = expected is ANY or standing.last is None or standing.deleted
    if not as_expected:
        raise WrongExpectedRevision(stream=stream, expected=expected, actual=standing.last)
    return Unmoved(standing.last, None)
