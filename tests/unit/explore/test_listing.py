from __future__ import annotations

import pytest

from backstory import BACKWARDS, EventStore, Read
from backstory.explore.listing import listing
from tests.unit.explore.members import join, pay


async def _positions(store: EventStore, query: Read, most: int | None = None) -> list[int]:
    return [event.position async for page in listing(store, query, most=most) for event in page]


async def test_a_listing_holds_every_event_of_the_query(store: EventStore) -> None:
    """A page is a detail of reading, not of the answer."""
    await join(store, 7)
    assert await _positions(store, Read(limit=3)) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_listing_ends_at_what_there_was_when_it_began(store: EventStore) -> None:
    """A reader that is slower than the writers must come to an end, too."""
    await join(store, 4)
    seen = []
    async for page in listing(store, Read(limit=2)):
        seen += [event.position for event in page]
        await pay(store, 0)
    assert seen == [1, 2, 3, 4]


async def test_an_end_that_was_asked_for_is_kept(store: EventStore) -> None:
    """The head is only the end of those who named none."""
    await join(store, 4)
    assert await _positions(store, Read(until=2)) == [1, 2]


@pytest.mark.parametrize(("most", "expected"), [(1, [5]), (2, [5, 4]), (4, [5, 4, 3, 2]), (9, 5)])
async def test_a_listing_holds_at_most_what_was_asked(
    store: EventStore, most: int, expected: list[int] | int
) -> None:
    """The bound counts events, over any number of pages."""
    await join(store, 5)
    found = await _positions(store, Read(direction=BACKWARDS, limit=2), most)
    assert found == expected or len(found) == expected


async def test_an_empty_store_lists_nothing(store: EventStore) -> None:
    """No page, not an empty one."""
    assert [page async for page in listing(store, Read())] == []
