"""Reading a stream as far as it may still be read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidRead
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import TOMBSTONE_REVISION, StreamDeleted
from backstory.core.store import EventStore
from backstory.stores.retention.standing import Standing, standing_of


async def visible(
    store: EventStore, query: Read, *, clock: Clock = system_clock
) -> Sequence[RecordedEvent]:
    """Return one page of a stream without what is truncated, expired or deleted.

    Raises `InvalidRead` unless *query* names a stream, `StreamDeleted` when that has ended, and
    what `EventStore.read` raises.
    """
    if query.stream is None:
        message = "what is visible is asked of one stream; name it: Read(stream=…)"
        raise InvalidRead(message)
    standing = await standing_of(store, query.stream, until=query.until, clock=clock)
    if standing.ended:
        raise StreamDeleted(query.stream)
    if not standing.exists:
        return []
    return await store.read(within(query, standing))


def within(query: Read, standing: Standing) -> Read:
    """Return the part of *query*, a read of a stream, that *standing* leaves readable."""
    after = query.after
    if standing.first > 0 and (after is None or after < standing.first - 1):
        after = standing.first - 1
    before = query.before
    if before is None or before > TOMBSTONE_REVISION:
        before = TOMBSTONE_REVISION
    return replace(query, after=after, before=before)
