"""Scavenging: erasing what nobody may read any more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from backstory.core.clock import Clock, system_clock
from backstory.core.read import Read
from backstory.core.reading import pages
from backstory.core.retaining import STREAM_DELETED, TOMBSTONE_REVISION, Retaining
from backstory.core.store import EventStore, Power, power_missing
from backstory.stores.retention.metadata import METADATA, is_metastream, metastream_of
from backstory.stores.retention.standing import Standing, standing_of


class Scavenged(msgspec.Struct, frozen=True):
    """How far a scavenge has come in the log, and how many events it has erased."""

    position: int
    events: int


async def scavenge(store: EventStore, *, clock: Clock = system_clock) -> AsyncIterator[Scavenged]:
    """Erase the events that are truncated, expired, deleted or of streams that ended; tell often.

    Of metadata all but the newest go, too; tombstones stay. Goes once through the metadata and the
    tombstones of the log as it was at the beginning. Stopping between two answers leaves nothing
    half done, and a scavenge may be repeated. Raises `PowerMissing` when the store cannot erase.
    """
    if not isinstance(store, Retaining):
        raise power_missing(store, Power.RETAINING)
    erased = 0
    query = Read(types=(METADATA, STREAM_DELETED), until=await store.head(), limit=100)
    async for page in pages(store, query):
        for event in page:
            subject = event.stream.removeprefix("$$") if is_metastream(event.stream) else None
            stream = subject or event.stream
            erased += await _scavenged(store, await standing_of(store, stream, clock=clock))
            yield Scavenged(event.position, erased)


async def _scavenged(store: Retaining, standing: Standing) -> int:
    """Erase what is hidden of a stream that stands so, and of its metadata; return how much."""
    stream, metastream = standing.stream, metastream_of(standing.stream)
    if standing.ended:
        return await store.erase(stream, before=TOMBSTONE_REVISION) + await store.erase(
            metastream, before=TOMBSTONE_REVISION
        )
    erased = 0
    if standing.first > 0 and standing.last is not None:
        erased += await store.erase(stream, before=min(standing.first, standing.last + 1))
    if standing.metadata_revision:
        erased += await store.erase(metastream, before=standing.metadata_revision)
    return erased
