"""Reading on, page by page, through one store's pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.names import MAX_EVENT_BYTES
from backstory.core.read import BACKWARDS, FORWARDS, Direction, Read
from backstory.core.reading import events, pages
from backstory.stores.memory import MemoryStore


class CountingStore(MemoryStore):
    """A memory store that counts its reads."""

    reads = 0

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Count, and read."""
        self.reads += 1
        return await super().read(query)


async def filled(count: int) -> CountingStore:
    """Return a store with *count* events in stream a and as many in stream b."""
    store = CountingStore()
    for number in range(count):
        for stream in ("a", "b"):
            await store.append(stream, [NewEvent.of("numbered", number)])
    return store


@given(
    count=st.integers(0, 12),
    limit=st.integers(1, 5),
    stream=st.sampled_from([None, "a"]),
    direction=st.sampled_from(list(Direction)),
)
async def test_pages_together_are_one_large_page(
    count: int, limit: int, stream: str | None, direction: Direction
) -> None:
    """Whatever the size of a page, nothing is left out or read twice."""
    store = await filled(count)
    whole = list(await store.read(Read(stream=stream, direction=direction, limit=100)))
    parts = [
        event
        async for page in pages(store, Read(stream=stream, direction=direction, limit=limit))
        for event in page
    ]
    singly = [e async for e in events(store, Read(stream=stream, direction=direction, limit=limit))]
    assert parts == whole == singly


@pytest.mark.parametrize(("limit", "reads"), [(10, 1), (5, 2), (4, 2), (6, 1)])
async def test_a_short_page_spares_the_read_that_would_find_nothing(limit: int, reads: int) -> None:
    """One small aggregate costs one read."""
    store = await filled(5)
    assert len([e async for e in events(store, Read(stream="a", limit=limit))]) == 5
    assert store.reads == reads


async def test_pages_cut_for_their_size_are_read_on() -> None:
    """Short pages of huge events are not mistaken for the end."""
    store = CountingStore()
    huge = NewEvent("film", b'"' + b"x" * (MAX_EVENT_BYTES - 4) + b'"')
    for _ in range(4):
        await store.append("a", [NewEvent("film", huge.data)])
    for direction in (FORWARDS, BACKWARDS):
        found = [e async for e in events(store, Read(stream="a", direction=direction))]
        assert len(found) == 4
