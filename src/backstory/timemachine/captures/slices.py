"""Which events a capture holds: everything, what came after a snapshot, or what belongs together.

Whatever is chosen is closed: of each stream that is in it, everything up to the moment is in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

import msgspec

from backstory.core.errors import CaptureRefused
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.timemachine.captures.slice import MOST_EVENTS, Slice

_PAGE: Final = 5_000


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen: for `RECENT` the position `since`, for `RELATED` streams and categories."""

    slice: Slice = Slice.ALL
    since: int = 0
    streams: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    correlation: str | None = None
    most: int = MOST_EVENTS


async def chosen_events(history: History, choice: Choice) -> AsyncIterator[Sequence[RecordedEvent]]:
    """Yield the events of *history* that *choice* names, page by page, in the order of the log.

    Raises `CaptureRefused` as soon as there are more than it allows. Everything is read page by
    page; other choices than `ALL` hold their events in memory until all are known.
    """
    count = 0
    async for page in _pages(history, choice):
        count += len(page)
        if count > choice.most:
            raise CaptureRefused(_too_many(choice))
        yield page


async def _pages(history: History, choice: Choice) -> AsyncIterator[Sequence[RecordedEvent]]:
    if choice.slice is Slice.ALL:
        async for page in pages(history, Read(limit=MAX_LIMIT)):
            yield page
        return
    found: dict[int, RecordedEvent] = {}
    async for page in _scattered(history, choice):
        found.update((event.position, event) for event in page)
        if len(found) > choice.most:
            raise CaptureRefused(_too_many(choice))
    events = [found[position] for position in sorted(found)]
    for start in range(0, len(events), _PAGE):
        yield events[start : start + _PAGE]


async def _scattered(history: History, choice: Choice) -> AsyncIterator[Sequence[RecordedEvent]]:
    streams: Iterable[str] = choice.streams
    if choice.slice is Slice.RECENT:
        touched = dict.fromkeys(choice.streams)
        # The event at the snapshot itself too: it proves of which log the snapshot is.
        async for page in pages(history, Read(after=max(choice.since - 1, 0), limit=MAX_LIMIT)):
            touched.update(dict.fromkeys(event.stream for event in page))
            yield page
        streams = touched
    for stream in streams:
        async for page in pages(history, Read(stream=stream, limit=MAX_LIMIT)):
            yield page
    for category in choice.categories:
        async for page in pages(history, Read(category=category, limit=MAX_LIMIT)):
            yield page


def _too_many(choice: Choice) -> str:
    return (
        f"the slice holds more than {choice.most:,} events; choose a smaller one (--slice related "
        "or recent), an earlier moment, or allow more with --most"
    )
