"""Which event types stand behind the numbers in the events, and which numbers a filter means.

A kind never changes once it is committed, so remembering it is safe. New ones come, though: what a
filter means is known up to the head at which it was asked, and no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from backstory.core.read import Read
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.pool import Pool

_MOST_CACHED: Final = 100_000
_MOST_FILTERS: Final = 1_000


class Filter(msgspec.Struct, frozen=True):
    """The kinds a filter means: all there are up to position `head`."""

    numbers: Sequence[int]
    head: int


class Kinds:
    """Remembers kinds."""

    def __init__(self, pool: Pool, most: int) -> None:
        """Ask over *pool*; of each filter learn at most *most* kinds, and one to tell of more."""
        self._pool = pool
        self._enough = most + 1
        self.known: dict[int, str] = {}
        """Event types by number, as far as they are remembered."""
        self._filters: dict[tuple[str | None, tuple[str, ...]], Filter] = {}

    async def names(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the event types by number, for *numbers* at least."""
        wanted = set(numbers)
        missing = wanted.difference(self.known)
        if missing:
            if len(self.known) + len(missing) > _MOST_CACHED:
                self.known, missing = {}, wanted
            found = await self._pool.fetch(sql.KIND_NAMES, list(missing))
            self.known.update((number, name) for number, name in found)
        return self.known

    def remembered(self, query: Read) -> Filter | None:
        """Return what the filter of *query* meant when it was last asked for."""
        return self._filters.get((query.category, query.types))

    async def ask(self, query: Read) -> Filter:
        """Return what the filter of *query* means now."""
        if query.category is None:
            found = await self._pool.fetch(sql.KINDS_OF_TYPES, query.types, self._enough)
        elif query.types:
            values = (query.category, query.types, self._enough)
            found = await self._pool.fetch(sql.KINDS_IN_OF_TYPES, *values)
        else:
            found = await self._pool.fetch(sql.KINDS_IN, query.category, self._enough)
        head, numbers = found[0]
        if len(self._filters) >= _MOST_FILTERS:
            self._filters.clear()
        self._filters[query.category, query.types] = known = Filter(numbers, head)
        return known
