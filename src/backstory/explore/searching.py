"""Looking for words in metadata, stretch by stretch, within a budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from msgspec.structs import replace

from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, FORWARDS, Read
from backstory.core.store import EventStore, Searching, Sought
from backstory.explore.budget import Budget
from backstory.explore.links import written_plainly

_STRETCH: Final = 20_000
"""Positions looked at between two looks at the clock: some milliseconds where a store searches."""

_PAGE: Final = 2_000


class Search:
    """Looks for events whose metadata hold a word, from one position on, both ways or one."""

    def __init__(self, store: EventStore, word: str, fits: Callable[[RecordedEvent], bool]) -> None:
        """Look in *store* for *word*; of the events that hold it, *fits* says which are meant."""
        self._store = store
        self._word = word
        self._fits = fits
        self.complete: bool = True
        """Whether all that was asked for was looked at; False when the budget ended it."""

    async def after(
        self, position: int, until: int, budget: Budget
    ) -> AsyncIterator[RecordedEvent]:
        """Yield what fits behind *position*, up to and with *until*, in order."""
        low = position
        while low < until:
            high = min(low + _STRETCH, until)
            for event in await self._between(low, high):
                yield event
            low = high
            if low < until and budget.over:
                self.complete = False
                return

    async def before(self, position: int, budget: Budget) -> AsyncIterator[RecordedEvent]:
        """Yield what fits before *position*, newest first."""
        high = position - 1
        while high > 0:
            low = max(high - _STRETCH, 0)
            for event in reversed(await self._between(low, high)):
                yield event
            high = low
            if high > 0 and budget.over:
                self.complete = False
                return

    async def _between(self, low: int, high: int) -> Sequence[RecordedEvent]:
        """Return what fits behind *low*, up to and with *high*."""
        if isinstance(self._store, Searching) and written_plainly(self._word):
            return await self._searched(self._store, low, high)
        found: list[RecordedEvent] = []
        query = Read(after=low, until=high, limit=_PAGE)
        while page := await self._store.read(query):
            found += filter(self._fits, page)
            query = query.resume(page[-1].position)
        return found

    async def _searched(self, store: Searching, low: int, high: int) -> Sequence[RecordedEvent]:
        found: list[RecordedEvent] = []
        # JSON may escape any letter, so what holds a backslash is looked at, too.
        words = (self._word, "\\")
        while page := await store.search(Sought(words=words, after=low, until=high)):
            found += filter(self._fits, page)
            low = page[-1].position
        return found


async def event_called(
    store: EventStore, called: bytes, budget: Budget
) -> tuple[RecordedEvent | None, bool]:
    """Return the event with the id *called*, and whether the whole log was asked for it.

    A store that finds by id has it at once; in others the newest events are looked at, until the
    *budget* is used up.
    """
    query = Read(direction=BACKWARDS, limit=_PAGE)
    while True:
        page = await store.read(query)
        for event in page:
            if event.id_bytes == called:
                return event, True
        if query.is_last(page):
            return None, True
        if budget.over:
            return None, False
        query = query.resume(page[-1].position)


async def first_of(
    store: EventStore, query: Read, *, backwards: bool = False
) -> RecordedEvent | None:
    """Return the first event that *query* reads, or with *backwards* the last."""
    direction = BACKWARDS if backwards else FORWARDS
    page = await store.read(replace(query, direction=direction, limit=1))
    return page[0] if page else None
