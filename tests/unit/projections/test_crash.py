from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections import crashing
from tests.unit.projections.members import schema

KILLS = 6


async def _kill_one(path: Path, seconds: float) -> None:
    """Start the process, and kill it *seconds* after it has begun to apply."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", crashing.__name__, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    await asyncio.sleep(seconds)
    process.kill()
    await process.communicate()


async def test_every_event_is_applied_exactly_once_however_often_it_is_killed(
    tmp_path: Path,
) -> None:
    """SIGKILL in the middle of batches: rows and checkpoint agree, nothing is lost or double."""
    chance, path = random.Random(8), tmp_path / "read.db"  # noqa: S311 - moments to kill at
    model = await ReadModel.open(f"sqlite:///{path}")
    checkpoints = []
    for _ in range(KILLS):
        await _kill_one(path, chance.uniform(0.0, 0.15))
        checkpoints.append(await model.checkpoint("notes"))
        rows, _ = await crashing.contents(model)
        assert len(rows) == checkpoints[-1]
    assert any(0 < checkpoint < crashing.EVENTS for checkpoint in checkpoints)
    store = await crashing.history()
    await _finish(model, store)
    survived = await crashing.contents(model)
    await model.wipe(crashing.notes)
    await _finish(model, store)
    assert await crashing.contents(model) == survived
    assert len(survived[0]) == crashing.EVENTS
    await model.close()


async def _finish(model: ReadModel, store: MemoryStore) -> None:
    worker = Worker(crashing.notes, schema=schema, store=store, read_model=model)
    assert await worker.catch_up() == crashing.EVENTS
