"""The best a driver does for each workload: apsw, a minimal table, nothing checked twice."""

from __future__ import annotations

import asyncio
from functools import partial, reduce

import apsw
import msgspec

from bench.contestants import datasets
from bench.contestants.raw_group import GroupWriter
from bench.contestants.raw_projection import project
from bench.contestants.raw_table import (
    INSERT,
    SELECT,
    Rows,
    decode_metadata,
    fill,
    insert_together,
    open_table,
)
from bench.events import DECODERS, Event, User, evolve, stream_of
from bench.job import Job
from bench.meter import Meter

_PAGE = 1_000


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A row as a value, with the event it holds."""

    position: int
    stream: str
    revision: int
    id: bytes
    type: str
    event: Event
    metadata: bytes | dict[str, str]
    recorded_at: int


def append(job: Job, meter: Meter, *, length: int) -> None:
    """Insert streams of *length*, one transaction each."""
    connection = open_table(job.folder / "raw.db")
    rows = Rows()
    for number in meter.laps(length):
        insert_together(connection, rows.stream(number, length))
    connection.close()


def append_one(job: Job, meter: Meter) -> None:
    """Insert streams of one event; the statement is its own transaction."""
    connection = open_table(job.folder / "raw.db")
    rows = Rows()
    for number in meter.laps(1):
        connection.execute(INSERT, rows.stream(number)[0])
    connection.close()


def append_concurrently(job: Job, meter: Meter, *, writers: int) -> None:
    """Insert streams of one event from *writers* tasks, grouped by one writing thread."""
    asyncio.run(_append_concurrently(job, meter, writers))


async def _append_concurrently(job: Job, meter: Meter, writers: int) -> None:
    group = GroupWriter(open_table(job.folder / "raw.db"))
    rows = Rows()
    numbers = iter(range(1 << 40))

    async def write() -> None:
        tally = meter.tally()
        going = True
        while going:
            await group.write(rows.stream(next(numbers))[0])
            going = tally.add(1)

    await asyncio.gather(*(write() for _ in range(writers)))
    group.close()


def read_stream(job: Job, meter: Meter) -> None:
    """Read the long stream into envelopes and typed events."""
    connection = open_table(job.data / "raw.db")
    number, length = datasets.LONG
    for _ in meter.laps(length):
        assert len(_stream(connection, number)) == length
    connection.close()


def replay(job: Job, meter: Meter) -> None:
    """Read the log in pages; decode payload and metadata of every event."""
    connection = open_table(job.data / "raw.db")
    statement = f"{SELECT} WHERE position > ? ORDER BY position LIMIT ?"
    seen = position = 0
    decode, read = DECODERS, decode_metadata
    with meter.timed(job.scale.replayed):
        while True:
            page = [
                Envelope(at, name, revision, uid, kind, decode[kind](data), read(meta), time)
                for at, name, revision, uid, kind, data, meta, time in connection.execute(
                    statement, (position, _PAGE)
                )
            ]
            if not page:
                break
            seen += len(page)
            position = page[-1].position
    assert seen == job.scale.replayed
    connection.close()


def rehydrate(job: Job, meter: Meter, *, length: int) -> None:
    """Read streams of *length*, decode and fold."""
    connection = open_table(job.data / "raw.db")
    numbers = datasets.of_length(length)
    for lap in meter.laps(1):
        found = _stream(connection, numbers[lap % len(numbers)])
        user = reduce(evolve, [envelope.event for envelope in found], User())
        assert user.renamings == length - 1
    connection.close()


def _stream(connection: apsw.Connection, number: int) -> list[Envelope]:
    statement = f"{SELECT} WHERE stream = ? ORDER BY revision"
    found = connection.execute(statement, (stream_of(number),))
    decode = DECODERS
    return [
        Envelope(position, name, revision, uid, kind, decode[kind](data), meta, time)
        for position, name, revision, uid, kind, data, meta, time in found
    ]


MEASURES = {
    "append_one": append_one,
    "append_16": partial(append_concurrently, writers=16),
    "append_128": partial(append_concurrently, writers=128),
    "append_100": partial(append, length=100),
    "read_stream": read_stream,
    "replay": replay,
    "project": project,
    "rehydrate_100": partial(rehydrate, length=100),
    "rehydrate_1000": partial(rehydrate, length=1_000),
}
PREPARES = {
    "streams": lambda job: fill(job.data / "raw.db", datasets.streams()),
    "log": lambda job: fill(job.data / "raw.db", datasets.log(job.scale)),
    "users": lambda job: fill(job.data / "raw.db", datasets.users(job.scale.projected)),
}
