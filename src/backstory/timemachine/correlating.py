"""What belongs together: events with one correlation id, what caused them, what they caused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

import msgspec

from backstory.core.errors import CaptureRefused
from backstory.core.events import RecordedEvent
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.core.store import MAX_WORDS, EventStore, Searching, Sought
from backstory.explore.links import named_by, written_plainly

MOST: Final = 10_000
"""Events that may belong together; more than that is no story that anybody could read."""


async def correlated(store: EventStore, correlation: str, until: int) -> Sequence[RecordedEvent]:
    """Return the events up to *until* that belong to *correlation*, in the order of the log.

    Those that carry the id, and, again and again until there are no more: what caused one of them,
    what one of them caused, and what carries the correlation id of one of them. Raises
    `CaptureRefused` when more than `MOST` belong together.
    """
    known: dict[int, RecordedEvent] = {}
    asked: set[str] = set()
    wanted = {correlation}
    while wanted:
        asked |= wanted
        fresh: dict[int, RecordedEvent] = {}
        async for event in _linked(store, sorted(wanted), until):
            if event.position not in known:
                fresh[event.position] = event
        known.update(fresh)
        if len(known) > MOST:
            message = (
                f"more than {MOST:,} events belong together with correlation id {correlation!r}; "
                "take the streams you need with --stream, or --slice all"
            )
            raise CaptureRefused(message)
        wanted = {name for event in fresh.values() for name in _names(event)} - asked
    return [known[position] for position in sorted(known)]


def _names(event: RecordedEvent) -> set[str]:
    """Return the ids by which others may be connected with *event*: its own, and those it has."""
    return {str(event.id)} | named_by(event)


async def _linked(
    store: EventStore, names: Sequence[str], until: int
) -> AsyncIterator[RecordedEvent]:
    """Yield the events up to *until* that have one of *names* as their id or in their metadata."""
    if isinstance(store, Searching) and all(map(written_plainly, names)):
        for name in names:
            event = await _called(store, name)
            if event is not None and event.position <= until:
                yield event
        candidates = searched(store, names, until)
    else:
        candidates = pages(store, Read(until=until, limit=MAX_LIMIT))
    wanted = set(names)
    async for page in candidates:
        for event in page:
            if wanted & named_by(event) or str(event.id) in wanted:
                yield event


async def searched(
    store: Searching, words: Sequence[str], until: int, *, newest_first: bool = False
) -> AsyncIterator[Sequence[RecordedEvent]]:
    """Yield pages of the events up to *until* whose metadata may hold one of *words*.

    That are those with its letters, and those with a backslash: JSON may escape any letter.
    """
    most = MAX_WORDS - 1
    for start in range(0, len(words), most):
        some = (*words[start : start + most], "\\")
        sought = Sought(words=some, until=until, newest_first=newest_first)
        while True:
            page = await store.search(sought)
            if not page:
                break
            yield page
            last = page[-1].position
            bound = {"until": last - 1} if newest_first else {"after": last}
            sought = msgspec.structs.replace(sought, **bound)


async def _called(store: Searching, name: str) -> RecordedEvent | None:
    try:
        return await store.find(UUID(name))
    except ValueError:
        return None
