"""Streams by name, by age, and one of them page by page."""

from __future__ import annotations

from itertools import chain

import pytest

from backstory import EventStore, NewEvent
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import Retaining
from backstory.explore.budget import Budget
from backstory.explore.stream import StreamState, stream_page
from backstory.explore.streams import StreamsPage, recent_streams, streams_page
from backstory.stores.retention.writing import delete
from tests.unit.explore.members import join, pay


class Plain:
    """A store with the five methods and no power."""

    def __init__(self, store: EventStore) -> None:
        """Pass on to *store*."""
        self.append, self.read, self.head = store.append, store.read, store.head
        self.wait, self.close = store.wait, store.close


def names(page: StreamsPage) -> list[str]:
    """Return the streams on the page."""
    return [each.stream for each in page.streams]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("able", [True, False])
async def test_streams_are_listed_by_name_without_those_of_the_system(
    store: EventStore,
    limit: int,
    able: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Names may stand before and behind those that begin with a dollar."""
    for name in ("$a", "$$b", "!first", "#", "member-1", "member-10", "ä", "zoo"):
        await store.append(name, [NewEvent.of("a", {}), NewEvent.of("b", {})])
    asked: EventStore = store if able else Plain(store)
    found, after = [], None
    while True:
        page = await streams_page(asked, after=after, limit=limit)
        found += names(page)
        assert page.complete
        assert {each.revision for each in page.streams} <= {1}
        if page.next is None:
            break
        after = page.next
    assert found == ["!first", "#", "member-1", "member-10", "zoo", "ä"]
    assert names(await streams_page(asked, prefix="member-1")) == ["member-1", "member-10"]
    assert names(await streams_page(asked, prefix="$")) == ["$$b", "$a"]


async def test_without_the_power_only_the_newest_are_listed_and_that_is_told(
    store: EventStore,
) -> None:
    """When there is no time for the whole log."""
    await join(store, 700)
    page = await streams_page(Plain(store), limit=1_000, budget=Budget(0))
    assert not page.complete
    assert len(page.streams) == 500
    assert "member-699" in names(page)


async def test_the_streams_that_changed_and_began_last(store: EventStore) -> None:
    """Newest first, each once."""
    await join(store, 4)
    await pay(store, 1)
    await pay(store, 1)
    await store.append("$sys", [NewEvent.of("$x", {})])
    found = await recent_streams(store, limit=3)
    assert [e.stream for e in found.changed] == ["member-1", "member-3", "member-2"]
    assert [e.stream for e in found.created] == ["member-3", "member-2", "member-1"]
    empty = await recent_streams(store, limit=3, budget=Budget(0))
    assert empty.looked_from == 0


def revisions(events: list[RecordedEvent]) -> list[int]:
    """Return the revisions of *events*."""
    return [event.revision for event in events]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_a_stream_is_paged_both_ways(store: EventStore, limit: int) -> None:
    """Every event once."""
    for _ in range(5):
        await pay(store, 1)
    page = await stream_page(store, "member-1", limit=limit)
    assert page.state is StreamState.EXISTS
    assert page.newer is None
    seen = [revisions(list(page.events))]
    while page.older is not None:
        page = await stream_page(store, "member-1", before=page.older, limit=limit)
        seen.append(revisions(list(page.events)))
    assert list(chain.from_iterable(seen)) == [4, 3, 2, 1, 0]
    back = [seen[-1]]
    while page.newer is not None:
        page = await stream_page(store, "member-1", after=page.newer, limit=limit)
        back.insert(0, revisions(list(page.events)))
    assert list(chain.from_iterable(back)) == [4, 3, 2, 1, 0]


async def test_a_stream_that_holds_nothing_says_why(store: EventStore) -> None:
    """It never was, was deleted, has ended, or keeps no old events."""
    assert (await stream_page(store, "gone")).state is StreamState.MISSING
    await pay(store, 1)
    await delete(store, "member-1")
    assert (await stream_page(store, "member-1")).state is StreamState.DELETED
    await pay(store, 1)
    page = await stream_page(store, "member-1")
    assert (page.state, revisions(list(page.events)), page.older) == (StreamState.EXISTS, [1], None)
    assert isinstance(store, Retaining)
    await store.tombstone("member-1")
    assert (await stream_page(store, "member-1")).state is StreamState.ENDED
    await pay(store, 2)
    await store.append("$$member-2", [NewEvent.of("$metadata", {"$tb": 5})])
    assert (await stream_page(store, "member-2")).state is StreamState.EMPTY


async def test_what_the_limits_of_a_stream_hide_is_not_shown(store: EventStore) -> None:
    """Though it is still stored."""
    for _ in range(5):
        await pay(store, 1)
    await store.append("$$member-1", [NewEvent.of("$metadata", {"$maxCount": 2})])
    page = await stream_page(store, "member-1", limit=1)
    assert (page.first, page.last, page.older) == (3, 4, 4)
    page = await stream_page(store, "member-1", before=4)
    assert (revisions(list(page.events)), page.older, page.newer) == ([3], None, 3)
    assert len(await store.read(Read(stream="member-1"))) == 5
