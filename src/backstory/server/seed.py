"""The first events of a store that is served from its beginning."""

from __future__ import annotations

from typing import Final

from backstory.core.errors import StoreReadOnly
from backstory.core.events import NewEvent
from backstory.core.expected import NO_STREAM, WrongExpectedRevision
from backstory.core.store import EventStore
from backstory.stores.retention.metadata import METADATA, metastream_of

_STREAM: Final = "$ops"


async def seed(store: EventStore) -> None:
    """Give an empty *store* a system event, as every fresh EventStoreDB has one.

    Clients count on it that `$all` begins with an event whose type begins with `$`. A store that
    holds events already, or can only be read, is left as it is.
    """
    if await store.head() > 0:
        return
    event = NewEvent.of(METADATA, {"$maxCount": 1_000})
    try:
        await store.append(metastream_of(_STREAM), [event], expected=NO_STREAM)
    except (StoreReadOnly, WrongExpectedRevision):  # read only, or another server was quicker
        return
