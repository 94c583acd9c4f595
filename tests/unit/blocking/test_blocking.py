"""Blocking stores and repositories: the async ones, without await."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from backstory.blocking import (
    Blocked,
    BlockingRepository,
    BlockingStore,
    Portal,
    open_blocking_store,
)
from backstory.core.appending import StreamAppend
from backstory.core.errors import InvalidSetting, StoreClosed
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import NO_STREAM, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.domain.repository import Repository
from tests.unit.domain.accounts import ACCOUNT, SCHEMA, Account, AlreadyOpen, Deposit, Open


@pytest.fixture
def store() -> Iterator[BlockingStore]:
    """Return a memory store for use without await."""
    with open_blocking_store("memory:") as opened:
        yield opened


def numbered(count: int) -> list[NewEvent]:
    """Return that many events."""
    return [NewEvent.of("numbered", number) for number in range(count)]


def test_a_blocking_store_does_what_the_async_one_does(store: BlockingStore) -> None:
    """The five methods, with their keywords and errors."""
    assert store.append("a", numbered(2), expected=NO_STREAM).position == 2
    with pytest.raises(WrongExpectedRevision):
        store.append("a", numbered(1), expected=NO_STREAM)
    assert [event.json() for event in store.read(Read(stream="a"))] == [0, 1]
    assert store.head() == 2
    assert store.wait(1, timeout=5) == 2
    assert store.wait(2, timeout=0.01) == 2


def test_several_streams_are_appended_to_without_await(store: BlockingStore) -> None:
    """The power of the store behind it, with its errors."""
    parts = [StreamAppend("a", numbered(2)), StreamAppend("b", numbered(1), NO_STREAM)]
    assert store.append_several(parts) == [Appended("a", 1, 2), Appended("b", 0, 3)]
    with pytest.raises(WrongExpectedRevision):
        store.append_several([StreamAppend("a", numbered(1)), StreamAppend("b", numbered(1), 7)])
    assert store.head() == 3


def test_waiting_is_woken_by_another_thread(store: BlockingStore) -> None:
    """A blocked reader is no obstacle to the writer."""
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(store.wait, 0, timeout=30)
        store.append("a", numbered(1))
        assert waiting.result(10) == 1


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_and_events_are_read_on_to_the_end(store: BlockingStore, limit: int) -> None:
    """In both directions, whatever the size of a page."""
    store.append("a", numbered(7))
    query = Read(limit=limit)
    assert len(next(store.pages(query))) == min(limit, 7)
    assert [event.json() for event in store.events(query)] == list(range(7))
    backwards = store.events(Read(limit=limit, direction=BACKWARDS))
    assert [event.json() for event in backwards] == list(reversed(range(7)))
    assert list(store.events(Read(stream="b"))) == []


def test_an_iteration_may_be_left_early(store: BlockingStore) -> None:
    """What was not read costs nothing and warns of nothing."""
    store.append("a", numbered(9))
    assert [e.json() for e in islice(store.events(Read(limit=2)), 3)] == [0, 1, 2]
    assert store.head() == 9


def test_many_threads_use_one_store_at_once(store: BlockingStore) -> None:
    """Every append is there, once."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.append(f"s-{n % 5}", numbered(2)), range(100)))
    positions = [event.position for event in store.events(Read(limit=13))]
    assert positions == list(range(1, 201))


def test_a_closed_store_says_so_and_closes_twice() -> None:
    """After the with block too."""
    before = threading.active_count()
    with open_blocking_store("memory:") as store:
        store.head()
    store.close()
    assert threading.active_count() == before
    with pytest.raises(StoreClosed):
        store.head()
    with pytest.raises(StoreClosed):
        list(store.events(Read()))


def test_a_store_that_cannot_be_opened_leaves_no_thread() -> None:
    """The error is the one of the async way."""
    before = threading.active_count()
    with pytest.raises(InvalidSetting):
        open_blocking_store("carrier-pigeon://roof")
    assert threading.active_count() == before


async def test_a_notebook_opens_a_store_inside_its_loop() -> None:
    """With a word that says so."""
    store = open_blocking_store("memory:", inside_loop=True)
    assert store.append("a", numbered(1)).position == 1
    assert len(list(store.events(Read()))) == 1
    store.close()


def test_a_blocking_repository_loads_and_executes(store: BlockingStore) -> None:
    """On the loop of its store."""
    accounts = BlockingRepository(
        Repository(store.asynchronous, SCHEMA, ACCOUNT, category="account"), store.portal
    )
    decision = accounts.execute("ann", Open("Ann"), expected=NO_STREAM)
    assert accounts.load("ann").state == decision.state == Account("Ann")
    assert accounts.load("ann", until=0).state == Account()
    with pytest.raises(AlreadyOpen):
        accounts.execute("ann", Open("Bob"))


def test_threads_that_meet_on_one_thing_are_put_in_order(store: BlockingStore) -> None:
    """Each command is carried out once."""
    accounts = BlockingRepository(
        Repository(store.asynchronous, SCHEMA, ACCOUNT, category="account", attempts=50),
        store.portal,
    )
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: accounts.execute("a", Deposit(n)), range(1, 33)))
    assert accounts.load("a").state.balance == sum(range(1, 33))


@pytest.mark.parametrize("name", ["append", "read", "head", "wait", "close"])
def test_a_blocking_store_has_every_method_of_the_protocol(store: BlockingStore, name: str) -> None:
    """With the same parameters and the same documentation."""
    blocking, origin = getattr(store, name), getattr(store.asynchronous, name)
    assert list(inspect.signature(blocking).parameters) == list(
        inspect.signature(origin).parameters
    )
    assert not inspect.iscoroutinefunction(blocking)
    assert blocking.__doc__


def test_no_method_of_the_protocol_is_left_out() -> None:
    """A method added to stores is added here, or this fails."""
    promised = {name for name, _ in inspect.getmembers(EventStore, inspect.isfunction)}
    assert {name for name in promised if not name.startswith("_")} <= set(vars(BlockingStore))
    public = {name for name, _ in inspect.getmembers(Repository, inspect.iscoroutinefunction)}
    assert {name for name in public if not name.startswith("_")} <= set(vars(BlockingRepository))


def test_the_documentation_of_a_method_is_that_of_the_async_one() -> None:
    """On the class as well as on an instance."""
    assert isinstance(BlockingStore.append, Blocked)
    assert BlockingStore.append.__doc__ == EventStore.append.__doc__
    assert vars(BlockingRepository)["load"].__doc__ == Repository.load.__doc__


def test_stores_may_share_a_portal(store: BlockingStore) -> None:
    """Then closing one closes the way to both."""
    portal = Portal()
    twin = BlockingStore(store.asynchronous, portal)
    twin.append("a", numbered(1))
    assert store.head() == 1
    portal.close()
    twin.close()
    assert store.head() == 1
