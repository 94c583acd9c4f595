"""Waiting: woken by an append, or after the timeout, at no growing cost."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import append_each, fact

LONG = 30.0
SOON = 10.0


async def wait_beyond(store: EventStore, position: int) -> int:
    """Return the first head beyond *position*, however often the wait ends early."""
    head = await store.wait(position, LONG)
    while head <= position:
        head = await store.wait(position, LONG)
    return head


class WaitingTopic(Topic):
    """When `wait` returns, and what."""

    @pytest.mark.parametrize("position", [0, 1, 2, -1])
    async def test_a_wait_for_what_is_there_returns_at_once(
        self, store: EventStore, position: int
    ) -> None:
        """When the head is beyond the position already, nothing is waited for."""
        await append_each(store, "user-1", 3)
        async with asyncio.timeout(SOON):
            assert await store.wait(position, LONG) == 3

    @pytest.mark.parametrize("position", [0, 2, 3, 10**30])
    async def test_a_wait_ends_after_its_timeout(self, store: EventStore, position: int) -> None:
        """Without an append the head comes back unchanged."""
        await append_each(store, "user-1", min(position, 2))
        async with asyncio.timeout(SOON):
            assert await store.wait(position, 0.02) == min(position, 2)

    @pytest.mark.parametrize("seconds", [0, 0.0, -1])
    async def test_a_wait_without_time_only_asks(self, store: EventStore, seconds: float) -> None:
        """A timeout of zero or less returns the head at once."""
        async with asyncio.timeout(SOON):
            assert await store.wait(0, seconds) == 0
            await store.append("user-1", [fact()])
            assert await store.wait(1, seconds) == 1

    async def test_a_wait_uses_its_time(self, store: EventStore) -> None:
        """Waiting in an idle store is no busy loop: hardly ever does it end early."""
        start = time.monotonic()
        waits = 0
        while time.monotonic() - start < 0.5:
            await store.wait(0, 0.1)
            waits += 1
        assert waits <= 20

    async def test_an_append_ends_a_wait(self, store: EventStore) -> None:
        """A waiter sees the head of the append long before its timeout."""
        await append_each(store, "user-1", 2)
        waiter = asyncio.create_task(wait_beyond(store, 2))
        await asyncio.sleep(0.05)
        assert not waiter.done()
        await store.append("user-2", [fact()])
        async with asyncio.timeout(SOON):
            assert await waiter == 3

    async def test_a_wait_for_later_positions_goes_on(self, store: EventStore) -> None:
        """Appends at or below the position do not satisfy whoever waits for more."""
        waiter = asyncio.create_task(wait_beyond(store, 3))
        for _ in range(3):
            await store.append("user-1", [fact()])
            await asyncio.sleep(0.01)
            assert not waiter.done()
        await store.append("user-1", [fact()])
        async with asyncio.timeout(SOON):
            assert await waiter == 4

    async def test_one_append_ends_a_hundred_waits(self, store: EventStore) -> None:
        """Everybody who waits is woken."""
        waiters = [asyncio.create_task(wait_beyond(store, 0)) for _ in range(100)]
        await asyncio.sleep(0.05)
        await store.append("user-1", [fact()])
        async with asyncio.timeout(SOON):
            assert await asyncio.gather(*waiters) == [1] * 100

    async def test_a_cancelled_wait_disturbs_no_other(self, store: EventStore) -> None:
        """Of two waiters one may give up."""
        gives_up = asyncio.create_task(wait_beyond(store, 0))
        stays = asyncio.create_task(wait_beyond(store, 0))
        await asyncio.sleep(0.02)
        gives_up.cancel()
        await asyncio.gather(gives_up, return_exceptions=True)
        await store.append("user-1", [fact()])
        async with asyncio.timeout(SOON):
            assert await stays == 1

    async def test_no_append_falls_between_reading_and_waiting(self, store: EventStore) -> None:
        """An append just before a wait is not slept through."""
        for number in range(1, 60):
            append = asyncio.create_task(store.append("user-1", [fact(number)]))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            async with asyncio.timeout(SOON):
                assert await wait_beyond(store, number - 1) == number
            await append

    async def test_waiting_costs_no_growing_memory(self, store: EventStore) -> None:
        """Thousands of waits that ran out leave nothing behind."""
        await self._wait_in_vain(store, 300)
        tracemalloc.start()
        try:
            await self._wait_in_vain(store, 300)
            before = tracemalloc.get_traced_memory()[0]
            await self._wait_in_vain(store, 2_000)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 64 * 1024

    @staticmethod
    async def _wait_in_vain(store: EventStore, times: int) -> None:
        for _ in range(times):
            await store.wait(0, 0)
