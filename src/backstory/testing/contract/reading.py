"""Reading: what a page holds, for every scope, filter, bound and direction."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, FORWARDS, MAX_LIMIT, MAX_TYPES, Direction, Read
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import (
    all_of,
    answer,
    append_each,
    fact,
    facts,
    positions_of,
)

DIRECTIONS = pytest.mark.parametrize("direction", list(Direction))
LARGEST = 2**63 - 1

# Streams that a prefix, a pattern or a comparison without case would mix up.
MIXED = ("user-1", "user", "users-1", "user-2", "User-1", "u_er-1", "user-1", "user-10", "order-1")
SCOPES = (
    Read(),
    *(Read(stream=stream) for stream in ("user-1", "user", "missing-1")),
    *(Read(category=category) for category in ("user", "u_er", "us%", "user-1", "missing")),
)
EACH_SCOPE = pytest.mark.parametrize(
    "scope", SCOPES, ids=[scope.stream or scope.category or "all" for scope in SCOPES]
)
FILTERS = (
    (),
    ("even",),
    ("odd", "even"),
    ("odd", "missing"),
    ("missing",),
    ("EVEN",),
    ("odd", "odd"),
)
BOUNDS = (None, -1, 0, 1, 2, 7, 18, 19, LARGEST, -LARGEST - 1)


async def mixed_log(store: EventStore) -> list[RecordedEvent]:
    """Append a small log of many streams and two types, and return it."""
    for number in range(2 * len(MIXED)):
        kind = "odd" if number % 2 else "even"
        await store.append(MIXED[number % len(MIXED)], [fact(number, kind)])
    return await all_of(store)


def bounds(direction: Direction) -> Iterator[Read]:
    """Yield reads with every pair of bounds."""
    for after, before in itertools.product(BOUNDS, BOUNDS):
        yield Read(after=after, before=before, direction=direction)
    for after, until in itertools.product((None, 0, 3), BOUNDS):
        yield Read(after=after, until=until, direction=direction)


class ReadingTopic(Topic):
    """What one read answers."""

    @DIRECTIONS
    @EACH_SCOPE
    async def test_an_empty_store_reads_as_empty(
        self, store: EventStore, scope: Read, direction: Direction
    ) -> None:
        """Nothing is there, however one asks."""
        assert await store.read(replace(scope, direction=direction)) == []

    @DIRECTIONS
    @EACH_SCOPE
    async def test_bounds_cut_every_scope_exactly(
        self, store: EventStore, scope: Read, direction: Direction
    ) -> None:
        """`after` and `before` are exclusive, `until` is an inclusive position, however large."""
        log = await mixed_log(store)
        for bounded in bounds(direction):
            query = replace(
                scope,
                after=bounded.after,
                before=bounded.before,
                until=bounded.until,
                direction=direction,
            )
            assert await store.read(query) == answer(log, query), query

    @DIRECTIONS
    @EACH_SCOPE
    async def test_types_filter_every_scope_exactly(
        self, store: EventStore, scope: Read, direction: Direction
    ) -> None:
        """Only the named types come, alike within bounds and limits."""
        log = await mixed_log(store)
        for types, limit, after in itertools.product(FILTERS, (1, 2, 5, 100), (None, 0, 9)):
            query = replace(scope, types=types, limit=limit, after=after, direction=direction)
            assert await store.read(query) == answer(log, query), query
            everything = answer(log, replace(scope, types=types, after=after, direction=direction))
            assert await all_of(store, query) == everything, query

    @DIRECTIONS
    async def test_a_page_is_never_longer_than_asked(
        self, store: EventStore, direction: Direction
    ) -> None:
        """`limit` bounds every page, in every scope."""
        await append_each(store, "user-1", 12)
        for scope, limit in itertools.product(SCOPES[:5], (1, 2, 11, 12, 13, MAX_LIMIT)):
            page = await store.read(replace(scope, limit=limit, direction=direction))
            assert len(page) <= limit

    async def test_until_on_a_stream_is_a_position(self, store: EventStore) -> None:
        """A stream as of position 4 ends where the log then ended, not at revision 4."""
        for number in range(6):
            await store.append(f"user-{number % 2}", [fact(number)])
        assert await positions_of(store, Read(stream="user-0", until=4)) == [1, 3]
        assert await positions_of(store, Read(stream="user-1", until=4)) == [2, 4]
        assert await positions_of(store, Read(stream="user-1", after=0, until=4)) == [4]

    async def test_a_category_is_what_stands_before_the_first_dash(self, store: EventStore) -> None:
        """`user-a-b` is of category `user`, `user` too, `users-a` is not."""
        for stream in ("user-a-b", "user", "users-a", "-user", "user/a", "user-"):
            await store.append(stream, [fact()])
        found = await all_of(store, Read(category="user"))
        assert [event.stream for event in found] == ["user-a-b", "user", "user-"]
        assert [event.stream for event in await all_of(store, Read(category=""))] == ["-user"]
        assert [event.stream for event in await all_of(store, Read(category="user/a"))] == [
            "user/a"
        ]

    async def test_as_many_types_as_a_read_may_name_are_merged_in_order(
        self, store: EventStore
    ) -> None:
        """Many types come back as one order, in both directions."""
        kinds = [f"kind-{number}" for number in range(MAX_TYPES)]
        await store.append("user-1", [fact(kind=kind) for kind in reversed(kinds)])
        await store.append("user-2", [fact(kind=kind) for kind in [*kinds, "other"]])
        for scope in (Read(), Read(category="user"), Read(stream="user-2")):
            for direction in Direction:
                query = replace(scope, types=tuple(kinds), limit=7, direction=direction)
                log = await all_of(store, scope)
                wanted = [event for event in log if event.type != "other"]
                wanted = wanted if direction is FORWARDS else wanted[::-1]
                assert await all_of(store, query) == wanted

    @DIRECTIONS
    async def test_a_rare_event_is_found_behind_many_others(
        self, store: EventStore, direction: Direction
    ) -> None:
        """An empty page means that nothing is left, never that a search gave up."""
        await store.append("user-1", facts(4_000, "common"))
        await store.append("user-2", [fact(kind="rare")])
        await store.append("user-1", facts(4_000, "common"))
        for scope in (Read(), Read(category="user"), Read(stream="user-2")):
            query = replace(scope, types=("rare",), limit=10, direction=direction)
            assert await positions_of(store, query) == [4_001]

    async def test_what_was_read_never_changes(self, store: EventStore) -> None:
        """A read up to a position answers the same for ever."""
        log = await mixed_log(store)
        fixed = [
            Read(until=7),
            Read(category="user", until=7, direction=BACKWARDS),
            Read(stream="user-1", until=7),
        ]
        before = [await all_of(store, query) for query in fixed]
        await mixed_log(store)
        assert [await all_of(store, query) for query in fixed] == before
        assert (await all_of(store))[: len(log)] == log
