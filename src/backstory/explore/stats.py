"""What a store holds, in numbers: exact when there is time for all of it, honest when not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.names import category_of
from backstory.core.read import BACKWARDS, Read
from backstory.core.reading import pages
from backstory.core.store import EventStore
from backstory.explore.counting import Counts, NameCounter

MOST_NAMES: Final = 1_000
"""Most categories, and most types, that are told apart."""

Progress = Callable[[int], None]
"""Is told the position counted so far."""


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """A store in numbers, as it was when the counting began.

    `head` and the two times hold for the whole store. Everything else counts the events up to
    position `counted_to`: all of them when `complete`, else as many as the time allowed.
    `payload_bytes` is data plus metadata, without what the store itself adds.
    """

    head: int
    first_recorded_at: datetime | None
    last_recorded_at: datetime | None
    counted_to: int
    complete: bool
    events: int
    streams: int
    payload_bytes: int
    categories: Counts
    types: Counts


class _Tally:
    """What the pages seen so far add up to."""

    def __init__(self) -> None:
        self.position = 0
        self.events = 0
        self.streams = 0
        self.payload_bytes = 0
        self.categories = NameCounter(MOST_NAMES)
        self.types = NameCounter(MOST_NAMES)

    def add(self, page: Sequence[RecordedEvent]) -> None:
        self.position = page[-1].position
        self.events += len(page)
        # A stream begins at revision 0, so streams are counted without remembering any.
        self.streams += sum(event.revision == 0 for event in page)
        self.payload_bytes += sum(len(event.data) + len(event.metadata) for event in page)
        self.categories.add(category_of(event.stream) for event in page)
        self.types.add(event.type for event in page)


async def stats(
    store: EventStore,
    *,
    seconds: float,
    on_progress: Progress = lambda _: None,
    page_size: int = 5_000,
    monotonic: Callable[[], float] = time.monotonic,
) -> Stats:
    """Return what *store* holds, counting for about *seconds*; partial when they do not suffice.

    Reads every event once, in pages of *page_size*: memory does not grow with the store.
    *monotonic* is the stopwatch, looked at after each page. Raises what `EventStore.read` raises.
    """
    deadline = monotonic() + seconds
    head = await store.head()
    first = await store.read(Read(until=head, limit=1))
    last = await store.read(Read(until=head, limit=1, direction=BACKWARDS))
    tally, complete = _Tally(), True
    async for page in pages(store, Read(until=head, limit=page_size)):
        tally.add(page)
        on_progress(tally.position)
        if monotonic() >= deadline:
            complete = not last or tally.position >= last[0].position
            break
    return Stats(
        head=head,
        first_recorded_at=first[0].recorded_at if first else None,
        last_recorded_at=last[0].recorded_at if last else None,
        counted_to=head if complete else tally.position,
        complete=complete,
        events=tally.events,
        streams=tally.streams,
        payload_bytes=tally.payload_bytes,
        categories=tally.categories.counts(),
        types=tally.types.counts(),
    )
