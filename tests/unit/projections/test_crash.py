from __future__ import annotations

import asyncio
import random
import sys

from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections import crashing
from tests.unit.projections.members import schema

KILLS = 6


async def _kill_one(url: str, seconds: float) -> None:
    """Start the process, and kill it *seconds* after it has begun to apply."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", crashing.__name__, url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    await asyncio.sleep(seconds)
    process.kill()
    await process.communicate()


async def test_every_event_is_applied_exactly_once_however_often_it_is_killed(
    read_model_url: str, read_model: ReadModel
) -> None:
    """SIGKILL in the middle of batches: rows and checkpoint agree, nothing is lost or double."""
    chance, model = random.Random(8), read_model  # noqa: S311 - moments to kill at
    checkpoints = []
    for _ in range(KILLS):
        await _kill_one(read_model_url, chance.uniform(0.0, 0.15))
        rows, checkpoint = await crashing.rows_and_checkpoint(model)
        assert rows == checkpoint
        checkpoints.append(rows)
    assert any(0 < checkpoint < crashing.EVENTS for checkpoint in checkpoints)
    store = await crashing.history()
    await _finish(model, store)
    survived = await crashing.contents(model)
    await model.wipe(crashing.notes)
    await _finish(model, store)
    assert await crashing.contents(model) == survived
    assert len(survived[0]) == crashing.EVENTS


async def _finish(model: ReadModel, store: MemoryStore) -> None:
    worker = Worker(crashing.notes, schema=schema, store=store, read_model=model)
    assert await worker.catch_up() == crashing.EVENTS
