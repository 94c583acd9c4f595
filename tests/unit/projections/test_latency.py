from __future__ import annotations

import asyncio
import statistics
import time

import pytest

from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import join_all, names_of, worker_of

APPENDS = 200


@pytest.mark.alone
async def test_an_event_can_be_read_within_milliseconds(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """An idle worker wakes at once: half within 5 ms, nearly all within 25 ms of the append."""
    worker = worker_of(store, read_model)
    running = asyncio.create_task(worker.run())
    seconds = []
    for n in range(APPENDS):
        await asyncio.sleep(0.002)
        begun = time.perf_counter()
        await worker.wait_for(await join_all(store, [f"m{n}"]), 5)
        seconds.append(time.perf_counter() - begun)
    await worker.stop()
    await running
    assert len(await names_of(read_model)) == APPENDS
    percentiles = statistics.quantiles(seconds, n=100)
    assert percentiles[49] <= 0.005
    assert percentiles[98] <= 0.025
