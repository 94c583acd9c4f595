"""A history: a store that ends, and that nobody can add to."""

from __future__ import annotations

import asyncio

import pytest

from backstory.core.appending import StreamAppend
from backstory.core.errors import StoreClosed, StoreReadOnly
from backstory.core.events import NewEvent
from backstory.core.history import History
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import Searching, Sought
from backstory.stores.memory import MemoryStore


async def store_of(count: int) -> MemoryStore:
    """Return a store of *count* events in three streams."""
    store = MemoryStore()
    for number in range(count):
        await store.append(f"thing-{number % 3}", [NewEvent.of("counted", number)])
    return store


@pytest.mark.parametrize("until", [0, 1, 4, 9])
async def test_it_shows_everything_up_to_its_end_and_nothing_behind(until: int) -> None:
    """Every way of reading ends there: the log, a stream, a category, backwards."""
    store = await store_of(9)
    history = History(store, until)
    everything = await store.read(Read())
    shown = [event for event in everything if event.position <= until]
    assert await history.head() == history.until == until
    assert await history.read(Read()) == shown
    assert await history.read(Read(direction=BACKWARDS)) == shown[::-1]
    assert await history.read(Read(category="thing", until=2)) == shown[:2]
    assert await history.read(Read(until=99)) == shown
    of_one = [event for event in shown if event.stream == "thing-1"]
    assert await history.read(Read(stream="thing-1")) == of_one
    await store.close()


async def test_what_is_appended_later_is_not_in_it() -> None:
    """The past does not move while somebody looks at it."""
    store = await store_of(3)
    history = History(store, 3)
    await store.append("thing-0", [NewEvent.of("counted", 3)])
    assert len(await history.read(Read())) == 3
    assert await history.wait(3, timeout=0.01) == 3
    assert await history.wait(2, timeout=60) == 3
    await store.close()


async def test_nothing_can_be_appended() -> None:
    """What has happened has happened, by whichever method."""
    store = await store_of(1)
    history = History(store, 1)
    with pytest.raises(StoreReadOnly, match="the past, up to position 1"):
        await history.append("thing-0", [NewEvent.of("counted", 1)])
    with pytest.raises(StoreReadOnly):
        await history.append_several([StreamAppend("thing-0", [NewEvent.of("counted", 1)])])
    assert await store.head() == 1
    await store.close()


async def test_closing_it_wakes_who_waits_and_leaves_the_store_open() -> None:
    """Many histories of one store come and go in a session."""
    store = await store_of(2)
    history = History(store, 1)
    waiting = asyncio.create_task(history.wait(1, timeout=60))
    await asyncio.sleep(0)
    await history.close()
    with pytest.raises(StoreClosed):
        await waiting
    with pytest.raises(StoreClosed):
        await history.read(Read())
    assert await store.head() == 2
    assert await History(store, 2).up_to(1).head() == 1
    assert await History(store, 1).up_to(2).head() == 1
    await store.close()


async def test_it_finds_what_the_store_finds_up_to_its_end() -> None:
    """The power to search is the store's; what came later is not found."""
    store = await store_of(9)
    everything = await store.read(Read())
    history = History(store, 4)
    assert isinstance(history, Searching)
    found = [await history.find(event.id) for event in everything]
    assert found == [*everything[:4], *[None] * 5]
    sought = Sought(words=("{",), until=99)
    assert await history.search(sought) == everything[:4]
    await history.close()
    with pytest.raises(StoreClosed):
        await history.find(everything[0].id)


async def test_it_has_no_power_that_the_store_has_not() -> None:
    """Nobody is promised a search that cannot be made."""

    class Plain:
        def __init__(self, store: MemoryStore) -> None:
            self.append, self.read = store.append, store.read
            self.head, self.wait, self.close = store.head, store.wait, store.close

    assert not isinstance(History(Plain(await store_of(1)), 1), Searching)
