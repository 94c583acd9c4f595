"""One stream, page by page, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.core.store import EventStore
from backstory.stores.retention.standing import Standing, standing_of


class StreamState(StrEnum):
    """How a stream stands."""

    EXISTS = "exists"
    MISSING = "missing"
    """There is no such stream: nothing was ever appended to it."""
    EMPTY = "empty"
    """There was something, and none of it may be read any more: too old, or too many."""
    DELETED = "deleted"
    """What it held is hidden; what is appended now goes on from there."""
    ENDED = "ended"
    """It has a tombstone: nothing can be appended to it any more."""


class StreamPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a stream, newest first, and how to go on.

    `newer` goes on as `after`, `older` as `before`, both revisions; None says that there is nothing
    that way. `first` is the lowest revision that may be read, `last` the highest there is (None:
    there is none).
    """

    stream: str
    state: StreamState
    events: Sequence[RecordedEvent]
    newer: int | None
    older: int | None
    first: int
    last: int | None


async def stream_page(
    store: EventStore,
    stream: str,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
) -> StreamPage:
    """Return a page of *stream*: its newest events, those before a revision, or those after one.

    What a deletion or the limits in the stream's metadata hide is not shown, though it may still be
    stored. Raises what the store raises, and `InvalidRead` for bounds that no read may have.
    """
    standing = await standing_of(store, stream)
    state = _state(standing)
    if state is not StreamState.EXISTS or standing.last is None:
        return StreamPage(
            stream=stream, state=state, events=(), newer=None, older=None,
            first=standing.first, last=standing.last,
        )  # fmt: skip
    lowest = standing.first - 1
    if after is not None:
        query = Read(
            stream=stream, after=max(after, lowest), before=TOMBSTONE_REVISION, limit=limit
        )
        events: Sequence[RecordedEvent] = tuple(reversed(await store.read(query)))
    else:
        query = Read(stream=stream, after=lowest, before=before, direction=BACKWARDS, limit=limit)
        events = tuple(await store.read(query))
    newest = events[0].revision if events else (before or 0) - 1 if after is None else after
    oldest = events[-1].revision if events else newest + 1
    return StreamPage(
        stream=stream,
        state=state,
        events=events,
        newer=newest if newest < standing.last else None,
        older=oldest if oldest > standing.first else None,
        first=standing.first,
        last=standing.last,
    )


def _state(standing: Standing) -> StreamState:
    if standing.ended:
        return StreamState.ENDED
    if standing.exists:
        return StreamState.EXISTS
    if standing.deleted:
        return StreamState.DELETED
    return StreamState.MISSING if standing.last is None else StreamState.EMPTY
