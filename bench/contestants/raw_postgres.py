"""The best a driver does on PostgreSQL: asyncpg, a minimal table, nothing checked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial, reduce
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from bench.contestants import datasets
from bench.contestants.raw_postgres_table import (
    INSERT,
    INSERT_MANY,
    SELECT,
    Rows,
    columns,
    connected,
    fill,
)
from bench.contestants.raw_table import decode_metadata
from bench.events import DECODERS, USER_CREATED, Event, User, UserCreated, evolve, stream_of
from bench.job import Job
from bench.meter import Meter

_PAGE: Final = 5_000
_BATCH: Final = 1_000
_READ_USERS: Final = (
    "SELECT position, data FROM events WHERE position > $1 AND type = $2 ORDER BY position LIMIT $3"
)
_CREATE_USERS: Final = """
CREATE TABLE "user" (
    id bigserial PRIMARY KEY,
    username text NOT NULL UNIQUE,
    full_name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE checkpoint (position bigint NOT NULL);
INSERT INTO checkpoint VALUES (0);
"""
_ADD_USERS: Final = (
    'INSERT INTO "user" (username, full_name, created_at) '
    "SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])"
)
_MOVE: Final = "UPDATE checkpoint SET position = $1 WHERE position = $2"
_decode_user = msgspec.json.Decoder(UserCreated).decode


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A row as a value, with the event it holds."""

    position: int
    stream: str
    revision: int
    id: UUID
    type: str
    event: Event
    metadata: bytes | dict[str, str]
    recorded_at: int


async def append_one(job: Job, meter: Meter) -> None:
    """Insert streams of one event; the statement is its own transaction."""
    async with connected(job.folder) as connection:
        rows = Rows()
        insert = await connection.prepare(INSERT)
        for number in meter.laps(1):
            await insert.fetch(*rows.stream(number)[0])


async def append_many(job: Job, meter: Meter, *, length: int) -> None:
    """Insert streams of *length*, one statement each."""
    async with connected(job.folder) as connection:
        rows = Rows()
        insert = await connection.prepare(INSERT_MANY)
        for number in meter.laps(length):
            await insert.fetch(*columns(rows.stream(number, length)))


async def append_concurrently(job: Job, meter: Meter, *, writers: int) -> None:
    """Insert streams of one event from *writers* tasks; those that wait share a statement."""
    async with connected(job.folder) as connection:
        insert = await connection.prepare(INSERT_MANY)
        rows, numbers = Rows(), iter(range(1 << 40))
        waiting: list[tuple[Sequence[object], asyncio.Future[None]]] = []
        arrived = asyncio.Event()

        async def drain() -> None:
            while True:
                await arrived.wait()
                arrived.clear()
                group = waiting.copy()
                waiting.clear()
                if group:
                    await insert.fetch(*columns([row for row, _ in group]))
                for _, future in group:
                    future.set_result(None)

        async def write() -> None:
            tally = meter.tally()
            going = True
            while going:
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                waiting.append((rows.stream(next(numbers))[0], future))
                arrived.set()
                await future
                going = tally.add(1)

        draining = asyncio.create_task(drain())
        await asyncio.gather(*(write() for _ in range(writers)))
        draining.cancel()


async def read_stream(job: Job, meter: Meter) -> None:
    """Read the long stream into envelopes and typed events."""
    async with connected(job.data) as connection:
        number, length = datasets.LONG
        for _ in meter.laps(length):
            assert len(await _stream(connection, number)) == length


async def replay(job: Job, meter: Meter) -> None:
    """Read the log in pages; decode payload and metadata of every event."""
    statement = f"{SELECT} WHERE position > $1 ORDER BY position LIMIT $2"
    decode, read = DECODERS, decode_metadata
    seen = position = 0
    async with connected(job.data) as connection:
        select = await connection.prepare(statement)
        with meter.timed(job.scale.replayed):
            while page := await select.fetch(position, _PAGE):
                envelopes = [
                    Envelope(at, name, revision, uid, kind, decode[kind](data), read(meta), time)
                    for at, name, revision, uid, kind, data, meta, time in page
                ]
                seen += len(envelopes)
                position = envelopes[-1].position
    assert seen == job.scale.replayed


async def rehydrate(job: Job, meter: Meter, *, length: int) -> None:
    """Read streams of *length*, decode and fold."""
    numbers = datasets.of_length(length)
    async with connected(job.data) as connection:
        for lap in meter.laps(1):
            found = await _stream(connection, numbers[lap % len(numbers)])
            user = reduce(evolve, [envelope.event for envelope in found], User())
            assert user.renamings == length - 1


async def _stream(connection: asyncpg.Connection, number: int) -> list[Envelope]:
    statement = f"{SELECT} WHERE stream = $1 ORDER BY revision"
    decode = DECODERS
    return [
        Envelope(position, name, revision, uid, kind, decode[kind](data), meta, time)
        for position, name, revision, uid, kind, data, meta, time in await connection.fetch(
            statement, stream_of(number)
        )
    ]


async def project(job: Job, meter: Meter) -> None:
    """Decode every user-created and insert its row, 1,000 per transaction with the checkpoint."""
    async with connected(job.data) as source, connected(job.folder) as target:
        await target.execute(_CREATE_USERS)
        read = await source.prepare(_READ_USERS)
        add, move = await target.prepare(_ADD_USERS), await target.prepare(_MOVE)
        position = 0
        with meter.timed(job.scale.projected):
            while page := await read.fetch(position, USER_CREATED, _BATCH):
                before, position = position, page[-1][0]
                users = [_decode_user(data) for _, data in page]
                async with target.transaction():
                    await add.fetch(
                        [user.username for user in users],
                        [user.full_name for user in users],
                        [user.opened_at for user in users],
                    )
                    await move.fetch(position, before)
        assert await target.fetchval('SELECT count(*) FROM "user"') == job.scale.projected


def _in_loop(work: Callable[[Job, Meter], Awaitable[None]]) -> Callable[[Job, Meter], None]:
    async def run(job: Job, meter: Meter) -> None:
        await work(job, meter)

    return lambda job, meter: asyncio.run(run(job, meter))


def _filling(streams: Callable[[Job], Iterable[tuple[int, int]]]) -> Callable[[Job], None]:
    return lambda job: asyncio.run(fill(job.data, streams(job)))


MEASURES = {
    "append_one": _in_loop(append_one),
    "append_16": _in_loop(partial(append_concurrently, writers=16)),
    "append_128": _in_loop(partial(append_concurrently, writers=128)),
    "append_100": _in_loop(partial(append_many, length=100)),
    "read_stream": _in_loop(read_stream),
    "replay": _in_loop(replay),
    "project": _in_loop(project),
    "rehydrate_100": _in_loop(partial(rehydrate, length=100)),
    "rehydrate_1000": _in_loop(partial(rehydrate, length=1_000)),
}
PREPARES = {
    "streams": _filling(lambda _: datasets.streams()),
    "log": _filling(lambda job: datasets.log(job.scale)),
    "users": _filling(lambda job: datasets.users(job.scale.projected)),
}
