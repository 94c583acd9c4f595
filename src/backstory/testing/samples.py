"""Events to append, and the questions many tests ask of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import FORWARDS, Read
from backstory.core.reading import pages
from backstory.core.store import EventStore

EVERYTHING = Read()


def fact(number: int = 0, kind: str = "counted") -> NewEvent:
    """Return a small event of type *kind* that holds *number*."""
    return NewEvent.of(kind, {"number": number})


def facts(count: int, kind: str = "counted") -> list[NewEvent]:
    """Return *count* small events, numbered from 0."""
    return [fact(number, kind) for number in range(count)]


async def append_each(store: EventStore, stream: str, count: int) -> None:
    """Append *count* events to *stream*, one at a time."""
    for event in facts(count):
        await store.append(stream, [event])


async def all_of(store: EventStore, query: Read = EVERYTHING) -> list[RecordedEvent]:
    """Return everything *query* gives, page after page; fails as soon as paging goes astray."""
    found: list[RecordedEvent] = []
    onwards = 1 if query.direction is FORWARDS else -1
    async for page in pages(store, query):
        assert 0 < len(page) <= query.limit
        for event in page:
            # A page that repeats another would be read for ever.
            assert not found or (event.position - found[-1].position) * onwards > 0
            found.append(event)
    return found


async def positions_of(store: EventStore, query: Read = EVERYTHING) -> list[int]:
    """Return the positions of everything *query* gives."""
    return [event.position for event in await all_of(store, query)]


def ids_of(found: Sequence[RecordedEvent] | Sequence[NewEvent]) -> list[bytes]:
    """Return the ids of events, new or recorded."""
    return [event.id.bytes for event in found]


def answer(log: Sequence[RecordedEvent], query: Read) -> list[RecordedEvent]:
    """Return what *query* means on *log*, spelt out event by event and without an index."""
    chosen = [event for event in log if _is_wanted(event, query)]
    if query.direction is not FORWARDS:
        chosen.reverse()
    return chosen[: query.limit]


def _is_wanted(event: RecordedEvent, query: Read) -> bool:
    key = event.position if query.stream is None else event.revision
    return (
        query.stream in (None, event.stream)
        and query.category in (None, event.stream.split("-")[0])
        and (query.types == () or event.type in query.types)
        and (query.after is None or key > query.after)
        and (query.before is None or key < query.before)
        and (query.until is None or event.position <= query.until)
    )


def check_order(log: Sequence[RecordedEvent]) -> None:
    """Check the one order: positions and revisions without a gap, time that never falls."""
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    by_stream: dict[str, list[int]] = {}
    for event in log:
        by_stream.setdefault(event.stream, []).append(event.revision)
    for stream, revisions in by_stream.items():
        assert revisions == list(range(len(revisions))), stream
    times = [event.recorded_at for event in log]
    assert times == sorted(times)


@asynccontextmanager
async def unchanged(store: EventStore) -> AsyncIterator[None]:
    """Check that the block leaves nothing behind, and that the store still takes an append."""
    before, head = await all_of(store), await store.head()
    yield
    assert await store.head() == head
    assert await all_of(store) == before
    answered = await store.append("after-refusal", [fact()])
    assert answered.position == head + 1


async def repeated(
    store: EventStore, stream: str, batch: Sequence[NewEvent], expected: Expected = ANY
) -> bool:
    """Return whether appending *batch* twice answered twice the same and wrote it once."""
    first = await store.append(stream, batch, expected=expected)
    head = await store.head()
    second = await store.append(stream, batch, expected=expected)
    return first == second and await store.head() == head
