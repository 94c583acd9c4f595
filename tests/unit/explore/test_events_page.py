"""Pages of events: every event once, whichever way one pages, and honest under a budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import chain, count

import pytest

from backstory import EventStore, NewEvent
from backstory.explore.budget import Budget
from backstory.explore.events import EventsPage, events_page
from backstory.explore.filters import EventFilter, parse_filter
from backstory.stores.memory import MemoryStore

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS = 25


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    """Give 25 events in five streams, one a minute."""
    minutes = count()
    store = MemoryStore(clock=lambda: BEGAN + timedelta(minutes=next(minutes)))
    for number in range(EVENTS):
        event = NewEvent.of("odd" if number % 2 else "even", {"n": number})
        await store.append(f"club-{number % 5}", [event])
    yield store
    await store.close()


def numbers(page: EventsPage) -> list[object]:
    """Return which events are on the page."""
    return [event.json()["n"] for event in page.events]  # type: ignore[index]  # ours have a number


ALL = list(reversed(range(EVENTS)))


@pytest.mark.parametrize("limit", [1, 3, 24, 25, 26])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        ("type:odd", [n for n in ALL if n % 2]),
        ("category:club", ALL),
        ("category:none", []),
        ("stream:club-3", [23, 18, 13, 8, 3]),
        ("prefix:club-3", [23, 18, 13, 8, 3]),
        ("data.n>=20", [24, 23, 22, 21, 20]),
        ("after:2026-03-01T00:20 before:2026-03-01T00:22", [21, 20]),
        ("stream:club-1 after:2026-03-01T00:10 before:2026-03-01T00:21", [16, 11]),
        ("before:2026-02-01", []),
    ],
)
async def test_pages_hold_every_event_once_both_ways(
    store: EventStore, text: str, expected: list[int], limit: int
) -> None:
    """Older and older to the end, and newer and newer back to the beginning."""
    wanted = parse_filter(text)
    page = await events_page(store, wanted, limit=limit)
    seen = numbers(page)
    assert page.newer is None
    shown = [seen]
    while page.older is not None:
        page = await events_page(store, wanted, before=page.older, limit=limit)
        shown.append(numbers(page))
    assert list(chain.from_iterable(shown)) == expected
    assert all(len(each) == limit for each in shown[:-1])
    back = [shown[-1]]
    while page.newer is not None:
        page = await events_page(store, wanted, after=page.newer, limit=limit)
        back.insert(0, numbers(page))
    assert list(chain.from_iterable(back)) == expected


async def test_what_was_not_looked_at_is_told(store: EventStore) -> None:
    """A page that ran out of time goes on from where it stopped, and finds everything."""
    for number in range(600):
        await store.append("other-1", [NewEvent.of("noise", {"n": number})])
    wanted = EventFilter(prefix="club-")
    page = await events_page(store, wanted, limit=10, budget=Budget(0))
    assert not page.complete
    assert not page.events
    assert page.looked_to == page.older
    found = []
    while page.older is not None:
        page = await events_page(store, wanted, before=page.older, limit=10, budget=Budget(0))
        found += numbers(page)
    assert page.complete
    assert found == ALL


async def test_an_empty_store_has_an_empty_page() -> None:
    """And no way on."""
    store = MemoryStore()
    page = await events_page(store, EventFilter())
    assert (list(page.events), page.newer, page.older, page.complete) == ([], None, None, True)
    await store.close()
