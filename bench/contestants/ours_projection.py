"""Backstory's read models: catching up, and how soon an append can be seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import (
    Column,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
)

from backstory import Projection, ReadModel, RecordedEvent, UtcDateTime, Worker, rebuild
from bench import place
from bench.contestants.ours import SCHEMA, append, opened
from bench.events import UserCreated, created, metadata
from bench.job import Job
from bench.meter import Meter

user_table: Final = Table(
    "user",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("username", String(100), nullable=False, unique=True),
    Column("full_name", String(100), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
)
insert_user: Final = insert(user_table)
find_user: Final = select(user_table.c.id).where(user_table.c.username == bindparam("name"))
users: Final = Projection("users", tables=[user_table])
_PATIENCE: Final = 5.0
_PAUSE: Final = 0.005


@users.on(UserCreated)
def _created(
    event: UserCreated, _recorded: RecordedEvent
) -> Iterator[tuple[Executable, Mapping[str, object]]]:
    values = {
        "username": event.username,
        "full_name": event.full_name,
        "created_at": event.opened_at,
    }
    yield insert_user, values


async def project(job: Job, meter: Meter) -> None:
    """Catch up with every user-created, 1,000 per transaction."""
    model = await ReadModel.open(place.url_of(job.folder, "read_model.db"))
    async with opened(job.data) as store:
        worker = Worker(users, schema=SCHEMA, store=store, read_model=model)
        with meter.timed(job.scale.projected):
            await worker.catch_up()
        row = await model.one(select(func.count()).select_from(user_table))
    assert row == (job.scale.projected,)
    await model.close()


async def see_append(job: Job, meter: Meter) -> None:
    """Time from calling append to reading the row, with a worker that has nothing else to do."""
    model = await ReadModel.open(place.url_of(job.folder, "read_model.db"))
    seconds: list[float] = []
    meta = metadata(0)
    async with opened(job.folder) as store:
        worker = Worker(users, schema=SCHEMA, store=store, read_model=model)
        running = asyncio.create_task(worker.run())
        for number in range(job.scale.latencies):
            await asyncio.sleep(_PAUSE)
            name = created(number).username
            start = time.perf_counter()
            position = await append(store, number, [(created(number), meta)])
            await worker.wait_for(position, _PATIENCE)
            row = await model.one(find_user, {"name": name})
            seconds.append(time.perf_counter() - start)
            assert row is not None
        await worker.stop()
        await running
    await model.close()
    meter.note_latencies(seconds)


async def rebuild_live(job: Job, meter: Meter) -> None:
    """Rebuild a read model that is live: build it beside, compare, swap."""
    model = await ReadModel.open(place.url_of(job.folder, "read_model.db"))
    async with opened(job.data) as store:
        await Worker(users, schema=SCHEMA, store=store, read_model=model).catch_up()
        with meter.timed(job.scale.projected):
            done = await rebuild(users, schema=SCHEMA, store=store, read_model=model)
    assert done.swapped
    assert done.comparison.same
    await model.close()
