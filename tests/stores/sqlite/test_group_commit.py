from __future__ import annotations

import asyncio
from pathlib import Path

import apsw

from backstory import NO_STREAM, Appended, EventStore, Read, WrongExpectedRevision, open_store
from backstory.core.errors import StoreBusy
from backstory.stores.sqlite import SqliteStore
from tests.stores.sqlite.conftest import some_event, url_of


async def test_concurrent_appends_share_transactions(store: EventStore) -> None:
    """Many tasks pay for few commits."""
    assert isinstance(store, SqliteStore)
    commits = 0

    def count() -> bool:
        nonlocal commits
        commits += 1
        return False

    store._writing.set_commit_hook(count)  # noqa: SLF001 - the number of commits shows nowhere else
    await asyncio.gather(*(store.append(f"a-{n}", [some_event(n)]) for n in range(400)))
    assert await store.head() == 400
    assert commits <= 40


async def test_a_conflict_does_not_reach_the_appends_it_travels_with(store: EventStore) -> None:
    """Each append of a shared transaction keeps its own outcome."""
    await store.append("taken", [some_event()])
    outcomes = await asyncio.gather(
        *(
            store.append("taken" if n % 2 else f"free-{n}", [some_event(n)], expected=NO_STREAM)
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Appended, WrongExpectedRevision] * 10
    assert await store.head() == 11


async def test_an_append_that_another_process_keeps_waiting_is_told_so(path: Path) -> None:
    """A lock held for too long ends in `StoreBusy`, and the store works on when it is gone."""
    store = await open_store(url_of(path, busy_timeout=0.1))
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    outcomes = await asyncio.gather(
        *(store.append(f"a-{n}", [some_event(n)]) for n in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 3
    other.execute("ROLLBACK")
    other.close()
    assert (await store.append("a-9", [some_event()])).position == 1
    await store.close()


async def test_a_cancelled_append_leaves_the_store_usable(store: EventStore) -> None:
    """Whoever stops waiting harms nobody else; the event may or may not be there, once."""
    task = asyncio.create_task(store.append("a-1", [some_event()]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.append("a-2", [some_event()])
    streams = [event.stream for event in await store.read(Read())]
    assert streams in (["a-1", "a-2"], ["a-2"])


async def test_closing_while_appends_are_under_way_stores_or_refuses_each(path: Path) -> None:
    """Nothing hangs: every append ends stored, or refused because the store was closed."""
    store = await open_store(url_of(path))
    tasks = [asyncio.create_task(store.append(f"a-{n}", [some_event(n)])) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    stored = sum(isinstance(outcome, Appended) for outcome in outcomes)
    reopened = await open_store(url_of(path))
    assert await reopened.head() == stored
    await reopened.close()
