"""Backstory in several processes that append to one file at once."""

from __future__ import annotations

import asyncio
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from bench.contestants.ours import opened, write_from_tasks
from bench.job import Job, Scale
from bench.meter import Meter

_WRITERS: Final = 16
_PATIENCE: Final = 120.0


def measure(job: Job, meter: Meter, *, processes: int) -> None:
    """Append from *processes*, 16 tasks each, over one and the same stretch of time."""
    asyncio.run(_create(job.folder))
    context = get_context("spawn")
    ready = context.Barrier(processes)
    rates: Queue[float] = context.Queue()
    workers = [
        context.Process(target=_write, args=(job.folder, job.scale, ready, rates, number))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    meter.note("rate", sum(rates.get(timeout=_PATIENCE) for _ in workers))
    for worker in workers:
        worker.join()


def _write(folder: Path, scale: Scale, ready: Barrier, rates: Queue[float], first: int) -> None:
    meter = Meter(scale)
    asyncio.run(_append(folder, meter, ready, count(first, ready.parties)))
    rates.put(meter.outcome().figures["rate"])


async def _create(folder: Path) -> None:
    async with opened(folder):
        pass


async def _append(folder: Path, meter: Meter, ready: Barrier, numbers: count[int]) -> None:
    async with opened(folder) as store:
        ready.wait(_PATIENCE)
        await write_from_tasks(store, meter, _WRITERS, numbers)


def _in_one_process(job: Job, meter: Meter) -> None:
    measure(job, meter, processes=1)


MEASURES = {"append_in_processes": _in_one_process}
PREPARES: dict[str, object] = {}
