"""Listing what a store holds: pages with an end, whatever is appended meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.reading import pages
from backstory.core.store import EventStore


async def listing(
    store: EventStore, query: Read, *, most: int | None = None
) -> AsyncIterator[Sequence[RecordedEvent]]:
    """Yield the events of *query* page by page, *most* events in all (None: every one).

    A query without `until` ends at what the store held when the listing began, so that a listing
    ends although others append. One page is held at a time. Raises what `EventStore.read` raises.
    """
    if query.until is None:
        query = msgspec.structs.replace(query, until=await store.head())
    if most is not None:
        query = msgspec.structs.replace(query, limit=min(query.limit, most))
    left = most
    async for page in pages(store, query):
        if left is None:
            yield page
            continue
        yield page[:left]
        left -= len(page)
        if left <= 0:
            return
