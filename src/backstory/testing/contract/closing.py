"""Closing: what was accepted is finished, everything else is told, every resource is let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from backstory.core.errors import StoreClosed, StoreError
from backstory.core.events import Appended
from backstory.core.read import Read
from backstory.core.store import EventStore, Fault, Power, Verifying
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, append_each, check_order, fact, facts

SOON = 10.0
CALLS: dict[str, Callable[[EventStore], Awaitable[object]]] = {
    "append": lambda store: store.append("user-1", [fact()]),
    "read": lambda store: store.read(Read()),
    "read stream": lambda store: store.read(Read(stream="user-1")),
    "head": lambda store: store.head(),
    "wait": lambda store: store.wait(0, 0),
}
OPEN_FILES = Path("/proc/self/fd")


def held() -> tuple[int, set[str]]:
    """Return how many files the process has open, and the threads that are not the loop's own."""
    files = len(list(OPEN_FILES.iterdir())) if OPEN_FILES.exists() else 0
    names = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    return files, {name for name in names if not name.startswith("asyncio")}


def _grown(seen: Sequence[tuple[int, set[str]]]) -> bool:
    """Say whether the process holds more than it did at first, of what was *seen*."""
    files, threads = held()
    most_files = max(files for files, _ in seen[:3])
    return files > most_files or len(threads) > max(len(names) for _, names in seen[:3])


class ClosingTopic(Topic):
    """What `close` does to the store and to whoever uses it."""

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    async def test_a_closed_store_refuses_every_call(
        self, store: EventStore, call: Callable[[EventStore], Awaitable[object]]
    ) -> None:
        """After `close` each method raises `StoreClosed`."""
        await append_each(store, "user-1", 2)
        await store.close()
        with pytest.raises(StoreClosed):
            await call(store)

    @requires(Power.VERIFIABLE)
    async def test_a_closed_store_cannot_be_verified(self, store: EventStore) -> None:
        """Checking a closed store raises `StoreClosed` too."""
        await store.close()
        found: AsyncIterator[Fault | int] = cast("Verifying", store).verify()
        with pytest.raises(StoreClosed):
            await anext(found)

    async def test_closing_twice_is_allowed(self, store: EventStore) -> None:
        """A second close, and some beside the first, do nothing."""
        await store.append("user-1", [fact()])
        async with asyncio.timeout(SOON):
            await asyncio.gather(*(store.close() for _ in range(5)))
            await store.close()

    async def test_an_unused_store_can_be_closed(self, store: EventStore) -> None:
        """Nothing must have happened before."""
        async with asyncio.timeout(SOON):
            await store.close()

    async def test_closing_ends_every_wait(self, store: EventStore) -> None:
        """Whoever waits learns at once that the store is closed."""
        waiters = [asyncio.create_task(store.wait(0, 30)) for _ in range(20)]
        await asyncio.sleep(0.02)
        await store.close()
        async with asyncio.timeout(SOON):
            outcomes = await asyncio.gather(*waiters, return_exceptions=True)
        assert all(each == 0 or isinstance(each, StoreClosed) for each in outcomes)

    async def test_reads_under_way_end_when_the_store_is_closed(self, store: EventStore) -> None:
        """Each read is answered or refused; none hangs."""
        await append_each(store, "user-1", 5)
        reads = [asyncio.create_task(store.read(Read())) for _ in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(SOON):
            await store.close()
            outcomes = await asyncio.gather(*reads, return_exceptions=True)
        assert all(
            isinstance(e, StoreClosed) or len(cast("list[object]", e)) == 5 for e in outcomes
        )

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    async def test_appends_under_way_are_answered_or_refused(
        self, store: EventStore, turns: int
    ) -> None:
        """Closing hangs no writer and hides no outcome."""
        appends = [asyncio.create_task(store.append(f"user-{n}", facts(2))) for n in range(40)]
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(SOON):
            await store.close()
            outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert all(isinstance(each, Appended | StoreError) for each in outcomes)

    @requires(Power.DURABLE)
    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    async def test_what_was_answered_before_closing_is_stored(
        self, opener: Opener, turns: int
    ) -> None:
        """Of the appends under way exactly those that were answered are there afterwards."""
        store = await opener.open()
        appends = [asyncio.create_task(store.append(f"user-{n}", facts(2))) for n in range(40)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.close()
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        log = await all_of(await opener.open())
        check_order(log)
        stored = {(event.stream, event.revision, event.position) for event in log}
        answered = [each for each in outcomes if isinstance(each, Appended)]
        assert {(a.stream, a.revision, a.position) for a in answered} <= stored
        assert len(log) == 2 * len(answered)

    async def test_closing_lets_go_of_threads_and_files(self, opener: Opener) -> None:
        """A store opened, used and closed many times leaves nothing behind."""
        seen: list[tuple[int, set[str]]] = []
        for _ in range(6):
            store = await opener.open()
            await append_each(store, "user-1", 3)
            await all_of(store)
            await store.wait(10**6, 0)
            await store.close()
            seen.append(held())
        # A library may close its files a moment later, but it does close them.
        async with asyncio.timeout(SOON):
            while _grown(seen):  # noqa: ASYNC110 - nobody tells when it is done
                await asyncio.sleep(0.02)
