"""Reading on beyond one page: functions over the five methods of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.core.read import Read
    from backstory.core.store import EventStore


async def pages(store: EventStore, query: Read) -> AsyncIterator[Sequence[RecordedEvent]]:
    """Yield page after page of *query* until nothing is left; `limit` is the size of a page.

    Reads one page at a time, so memory is bounded by one page whatever the reader's pace. Events
    appended meanwhile may be included when the read is forwards; set `until` for a fixed end.
    Raises what `EventStore.read` raises.
    """
    while page := await store.read(query):
        yield page
        if query.is_last(page):
            return
        last = page[-1]
        query = query.resume(last.position if query.stream is None else last.revision)


async def events(store: EventStore, query: Read) -> AsyncIterator[RecordedEvent]:
    """Yield event after event of *query* until nothing is left; reads in pages of `limit`."""
    async for page in pages(store, query):
        for event in page:
            yield event
