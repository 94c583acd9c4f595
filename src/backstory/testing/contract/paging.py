"""Paging: reading on by key, in both directions, with memory bounded by one page."""

from __future__ import annotations

import tracemalloc

import pytest
from msgspec.structs import replace

from backstory.core.events import NewEvent
from backstory.core.read import BACKWARDS, FORWARDS, MAX_PAGE_BYTES, Direction, Read
from backstory.core.reading import pages
from backstory.core.store import EventStore, Power
from backstory.testing.contract.powers import requires
from backstory.testing.contract.reading import DIRECTIONS, SCOPES, mixed_log
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, answer, append_each, fact, facts

LARGE_EVENTS = 24
LARGE_DOCUMENT = b'"' + b"x" * (4 * 1024 * 1024) + b'"'


async def append_large(store: EventStore) -> None:
    """Append about 96 MiB, three times what one page may hold."""
    for number in range(LARGE_EVENTS):
        large = NewEvent("large", LARGE_DOCUMENT)
        await store.append("user-1", [large, fact(number)] if number % 2 else [large])


class PagingTopic(Topic):
    """How pages follow one another."""

    @DIRECTIONS
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 1_000])
    async def test_pages_give_everything_once_and_in_order(
        self, store: EventStore, limit: int, direction: Direction
    ) -> None:
        """Whatever the size of a page, together they are the whole."""
        log = await mixed_log(store)
        for scope in SCOPES:
            for types in ((), ("odd",), ("odd", "even")):
                query = replace(scope, types=types, limit=limit, direction=direction)
                wanted = answer(log, replace(scope, types=types, direction=direction))
                assert await all_of(store, query) == wanted

    @DIRECTIONS
    async def test_a_read_resumes_behind_the_last_event_seen(
        self, store: EventStore, direction: Direction
    ) -> None:
        """Going on from any event, in any scope, neither skips nor repeats."""
        log = await mixed_log(store)
        for scope in SCOPES:
            query = replace(scope, direction=direction)
            wanted = answer(log, query)
            for index, event in enumerate(wanted):
                key = event.position if query.stream is None else event.revision
                assert await store.read(query.resume(key)) == wanted[index + 1 :]

    async def test_a_forward_reader_meets_what_is_appended_meanwhile(
        self, store: EventStore
    ) -> None:
        """Appending between pages neither skips nor repeats; the new events come too."""
        await append_each(store, "user-1", 10)
        seen: list[int] = []
        async for page in pages(store, Read(limit=3)):
            seen += [event.position for event in page]
            if len(seen) <= 12:
                await store.append("user-2", facts(2))
        assert seen == list(range(1, await store.head() + 1))
        assert len(seen) > 10

    async def test_a_backward_reader_is_not_disturbed_by_appends(self, store: EventStore) -> None:
        """Going back from the head, new events stay out of sight."""
        await append_each(store, "user-1", 10)
        seen: list[int] = []
        async for page in pages(store, Read(limit=3, direction=BACKWARDS)):
            seen += [event.position for event in page]
            await store.append("user-1", facts(2))
        assert seen == list(range(10, 0, -1))

    async def test_until_gives_paging_a_fixed_end(self, store: EventStore) -> None:
        """With `until` a reader ends however fast others write."""
        await append_each(store, "user-1", 10)
        seen: list[int] = []
        async for page in pages(store, Read(limit=1, until=10)):
            seen += [event.position for event in page]
            await store.append("user-1", facts(3))
        assert seen == list(range(1, 11))

    async def test_a_page_of_large_events_is_cut(self, store: EventStore) -> None:
        """A page stops at about the byte bound, goes on behind it, and loses nothing."""
        await append_large(store)
        at_most = MAX_PAGE_BYTES + len(LARGE_DOCUMENT) + 1_000
        for scope in (Read(), Read(category="user"), Read(stream="user-1")):
            for types, count in (((), LARGE_EVENTS * 3 // 2), (("large",), LARGE_EVENTS)):
                for direction in (FORWARDS, BACKWARDS):
                    query = replace(scope, types=types, direction=direction)
                    positions: list[int] = []
                    async for page in pages(store, query):
                        assert sum(len(e.data) + len(e.metadata) for e in page) <= at_most
                        positions += [event.position for event in page]
                    in_order = positions if direction is FORWARDS else positions[::-1]
                    assert in_order == sorted(set(positions))
                    assert len(positions) == count

    @requires(Power.DURABLE)
    async def test_memory_is_bounded_by_one_page(self, store: EventStore) -> None:
        """Reading far more than a page never holds more than about two pages of payload."""
        await append_large(store)
        tracemalloc.start()
        try:
            async for _ in pages(store, Read()):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(LARGE_DOCUMENT) < peak, peak
        assert peak < 2 * MAX_PAGE_BYTES + 4 * len(LARGE_DOCUMENT), peak
