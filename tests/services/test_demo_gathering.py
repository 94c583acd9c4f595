from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from backstory import EventStore, NewEvent, Read, open_store
from backstory.demo.gathering import HANDFUL, PAUSE, GatheringStore


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    """Give a store in memory."""
    store = await open_store("memory:")
    yield store
    await store.close()


async def _append(store: EventStore, count: int) -> None:
    await store.append("s", [NewEvent.of("t", {"n": number}) for number in range(count)])


async def test_after_a_handful_the_next_wait_gathers_more(store: EventStore) -> None:
    """What is appended meanwhile comes in the same batch."""
    gathering = GatheringStore(store)
    await _append(gathering, HANDFUL)
    assert await gathering.wait(0, 5) == HANDFUL
    started = time.monotonic()
    waiting = asyncio.create_task(gathering.wait(HANDFUL, 5))
    await asyncio.sleep(0)
    await _append(gathering, 1)
    await _append(gathering, 1)
    assert await waiting == HANDFUL + 2
    assert time.monotonic() - started >= PAUSE * 0.9


async def test_an_event_that_comes_alone_is_not_kept_waiting(store: EventStore) -> None:
    """An idle service shows what was written at once."""
    gathering = GatheringStore(store)
    for position in range(5):
        await _append(gathering, 1)
        waiting = asyncio.create_task(gathering.wait(position, 5))
        for _ in range(5):  # turns of the loop, no time
            await asyncio.sleep(0)
        assert waiting.done()
        assert await waiting == position + 1


async def test_the_rest_is_the_stores_own(store: EventStore) -> None:
    """Closing it leaves the store to its owner."""
    gathering = GatheringStore(store)
    await _append(gathering, 2)
    await gathering.close()
    assert await gathering.head() == await store.head() == 2
    assert await gathering.read(Read(stream="s")) == await store.read(Read(stream="s"))
