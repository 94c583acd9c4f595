"""Pages of the log, newest first, under a filter and within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from backstory.core.clock import to_microseconds
from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, FORWARDS, Direction, Read
from backstory.core.store import EventStore
from backstory.explore.budget import Budget
from backstory.explore.filters import EventFilter
from backstory.explore.moments import position_at

_FIRST_LOOK: Final = 256
_LARGEST_LOOK: Final = 4_096
_MICROSECOND: Final = timedelta(microseconds=1)


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, newest first, and how to go on.

    Keys are positions, or revisions when the filter names a stream. `newer` goes on as `after`,
    `older` as `before`; None says that there is nothing that way. When it is not `complete` the
    budget was used up before the page was full: what was looked at ends at `looked_to`, and the key
    that way goes on from there.
    """

    events: Sequence[RecordedEvent]
    newer: int | None
    older: int | None
    complete: bool
    looked_to: int | None


async def events_page(
    store: EventStore,
    wanted: EventFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
    budget: Budget | None = None,
) -> EventsPage:
    """Return a page of the events that are *wanted*: the newest, or those beside a key.

    Filters that a store has an index for (a stream, a category, types) cost nothing; for the others
    events are looked at one by one until the page is full or the *budget* (default: that of a page)
    is used up. Raises what reading the store raises.
    """
    look = _Look(store, wanted, limit, budget or Budget())
    until = None
    if wanted.before is not None:
        until = await position_at(store, wanted.before - _MICROSECOND)
    if after is not None:
        found = await look.along(_query(wanted, FORWARDS, after=after, until=until))
        events = tuple(reversed(found))
        newer = look.going_on
        # Behind the first of them there is at least the one with the key that was given.
        older = look.key(events[-1]) if events else after + 1
        return EventsPage(
            events=events, newer=newer, older=older, complete=look.complete, looked_to=look.reached
        )
    events = tuple(await look.along(_query(wanted, BACKWARDS, before=before, until=until)))
    newest = look.key(events[0]) if events else (before or 0) - 1
    return EventsPage(
        events=events,
        newer=None if before is None else newest,
        older=look.going_on,
        complete=look.complete,
        looked_to=look.reached,
    )


class _Look:
    """Looking for a page of events in one direction."""

    def __init__(self, store: EventStore, wanted: EventFilter, limit: int, budget: Budget) -> None:
        self._store = store
        self._wanted = wanted
        self._limit = limit
        self._budget = budget
        self._oldest_us = None if wanted.after is None else to_microseconds(wanted.after)
        self.complete = True
        self.reached: int | None = None
        self.going_on: int | None = None

    def key(self, event: RecordedEvent) -> int:
        return event.position if self._wanted.stream is None else event.revision

    async def along(self, query: Read) -> Sequence[RecordedEvent]:
        found: list[RecordedEvent] = []
        size = _FIRST_LOOK if self._wanted.looks_inside else self._limit + 1
        while True:
            query = msgspec.structs.replace(query, limit=min(max(size, self._limit + 1), 10_000))
            page = await self._store.read(query)
            for event in page:
                if query.direction is BACKWARDS and self._too_old(event):
                    return found
                if self._wanted.matches(event):
                    if len(found) == self._limit:
                        self.going_on = self.key(found[-1])
                        return found
                    found.append(event)
            if query.is_last(page):
                return found
            self.reached = self.key(page[-1])
            if self._budget.over:
                self.complete = False
                self.going_on = self.reached
                return found
            query = query.resume(self.reached)
            size = min(size * 2, _LARGEST_LOOK)

    def _too_old(self, event: RecordedEvent) -> bool:
        return self._oldest_us is not None and event.recorded_us < self._oldest_us


def _query(
    wanted: EventFilter,
    direction: Direction,
    *,
    after: int | None = None,
    before: int | None = None,
    until: int | None = None,
) -> Read:
    return Read(
        stream=wanted.stream,
        category=wanted.category if wanted.stream is None else None,
        types=wanted.types,
        after=after,
        before=before,
        until=until,
        direction=direction,
    )
