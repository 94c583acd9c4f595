"""Which events the streams of links link to: their positions, in order, kept in memory.

Clients page by revision, so the how-many-th event of a category must be known. It is counted once,
when somebody first reads the stream, and goes on from there: eight bytes an event. What is erased
by a scavenge is not counted any more from the next start on; who needs revisions that never change
has the links written (`--materialise`).
"""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from backstory.core.read import MAX_LIMIT
from backstory.core.store import EventStore, Searching
from backstory.explore.budget import Budget
from backstory.explore.links import correlation_of, written_plainly
from backstory.explore.searching import Search
from backstory.server.virtual.sources import Kind, Source

_MOST: Final = 1_000
"""Streams that are kept in memory; those that were read longest ago are counted anew."""


class Order:
    """The positions of the events that one stream of links links to."""

    def __init__(self, source: Source) -> None:
        """Begin with nothing."""
        self._source = source
        self._looked_to = 0
        self._looking = asyncio.Lock()
        self.positions: array[int] = array("q")

    async def extend(self, store: EventStore) -> array[int]:
        """Look through what is new in *store*, and return all positions."""
        async with self._looking:
            head = await store.head()
            if head > self._looked_to:
                word = self._source.argument
                plain = self._source.kind is Kind.CORRELATION and written_plainly(word)
                if plain and isinstance(store, Searching):
                    await self._search(store, head)
                else:
                    await self._read(store, head)
                self._looked_to = head
        return self.positions

    async def _search(self, store: EventStore, head: int) -> None:
        word = self._source.argument
        search = Search(store, word, lambda event: correlation_of(event) == word)
        async for event in search.after(self._looked_to, head, Budget(float("inf"))):
            self.positions.append(event.position)

    async def _read(self, store: EventStore, head: int) -> None:
        query = replace(self._source.query, after=self._looked_to, until=head, limit=MAX_LIMIT)
        while page := await store.read(query):
            self.positions.extend(e.position for e in page if self._source.takes(e))
            query = query.resume(page[-1].position)


class VirtualIndex:
    """The orders of all streams of links that somebody has read."""

    def __init__(self) -> None:
        """Begin with none."""
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def order(self, source: Source) -> Order:
        """Return the order of *source*'s stream."""
        found = self._orders.get(source.stream)
        if found is None:
            found = self._orders[source.stream] = Order(source)
        self._orders.move_to_end(source.stream)
        if len(self._orders) > _MOST:
            self._orders.popitem(last=False)
        return found
