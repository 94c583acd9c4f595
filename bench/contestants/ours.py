"""Backstory as a user calls it: typed events in, typed events out, everything on by default.

It runs on the event loop that Python brings; so does whatever it is compared with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from backstory import (
    NO_STREAM,
    Decider,
    EventStore,
    EventType,
    Read,
    Repository,
    Schema,
    open_store,
    pages,
)
from bench import place
from bench.contestants import datasets
from bench.contestants.ours_http import measures_of
from bench.events import (
    SAMPLES,
    USER_CREATED,
    USER_RENAMED,
    Event,
    User,
    UserCreated,
    UserRenamed,
    evolve,
    life,
    metadata,
    samples,
    stream_of,
    username,
)
from bench.job import Job
from bench.meter import Meter

SCHEMA: Final = Schema(EventType(USER_CREATED, UserCreated), EventType(USER_RENAMED, UserRenamed))
_TOGETHER: Final = 500


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[EventStore]:
    """Open the store in *folder*, with its default settings."""
    store = await open_store(url_of(folder))
    try:
        yield store
    finally:
        await store.close()


def url_of(folder: Path) -> str:
    """Return the URL of the store in *folder*."""
    return place.url_of(folder, "events.db")


async def append(
    store: EventStore, number: int, events: Sequence[tuple[Event, dict[str, str]]]
) -> int:
    """Append *events* with their metadata to the new stream *number*; return the position."""
    new = [SCHEMA.encode(event, metadata=meta) for event, meta in events]
    appended = await store.append(stream_of(number), new, expected=NO_STREAM)
    return appended.position


async def append_singly(job: Job, meter: Meter, *, length: int) -> None:
    """Append new streams of *length*, one call at a time."""
    made = samples()
    portions = [made[start : start + length] for start in range(0, SAMPLES, length)]
    async with opened(job.folder) as store:
        for number in meter.laps(length):
            await append(store, number, portions[number % len(portions)])


async def append_concurrently(job: Job, meter: Meter, *, writers: int) -> None:
    """Append new streams of one event from *writers* tasks."""
    async with opened(job.folder) as store:
        await write_from_tasks(store, meter, writers, count())


async def write_from_tasks(
    store: EventStore, meter: Meter, writers: int, numbers: Iterator[int]
) -> None:
    """Append a new stream for each of *numbers*, from *writers* tasks, until the time is up."""
    made = samples()

    async def write() -> None:
        tally = meter.tally()
        going = True
        while going:
            number = next(numbers)
            await append(store, number, (made[number % SAMPLES],))
            going = tally.add(1)

    await asyncio.gather(*(write() for _ in range(writers)))


async def read_stream(job: Job, meter: Meter) -> None:
    """Read the long stream to typed events."""
    number, length = datasets.LONG
    async with opened(job.data) as store:
        for _ in meter.laps(length):
            seen = 0
            async for page in pages(store, Read(stream=stream_of(number))):
                seen += len(SCHEMA.decode_page(page))
            assert seen == length


async def replay(job: Job, meter: Meter) -> None:
    """Read the log page by page; decode payload and metadata of every event."""
    seen = 0
    async with opened(job.data) as store:
        with meter.timed(job.scale.replayed):
            async for page in pages(store, Read()):
                events = SCHEMA.decode_page(page)
                for _event, recorded in zip(events, page, strict=True):
                    recorded.meta()
                    seen += 1
    assert seen == job.scale.replayed


async def rehydrate(job: Job, meter: Meter, *, length: int) -> None:
    """Load users of *length* events with a repository, without snapshots."""
    names = [username(number) for number in datasets.of_length(length)]
    decider = Decider(initial=User(), decide=_decide_nothing, evolve=evolve)
    async with opened(job.data) as store:
        users = Repository(store, SCHEMA, decider, category="user")
        for lap in meter.laps(1):
            loaded = await users.load(names[lap % len(names)])
            assert loaded.state.renamings == length - 1


def _decide_nothing(_command: object, _user: User) -> Iterable[Event]:
    return ()


async def fill(job: Job, streams: Iterator[tuple[int, int]]) -> None:
    """Append streams, many at once."""
    async with opened(job.data) as store:

        async def write() -> None:
            for number, length in streams:
                meta = metadata(number)
                await append(store, number, [(event, meta) for event in life(number, length)])

        await asyncio.gather(*(write() for _ in range(_TOGETHER)))


async def project(job: Job, meter: Meter) -> None:
    """Let a worker catch up a read model of users."""
    # Here, so that the other workloads do not hold SQLAlchemy in their memory.
    from bench.contestants.ours_projection import project as catch_up  # noqa: PLC0415 - as said above

    await catch_up(job, meter)


async def rebuild(job: Job, meter: Meter) -> None:
    """Rebuild a live read model of users."""
    from bench.contestants.ours_projection import rebuild_live  # noqa: PLC0415 - as said above

    await rebuild_live(job, meter)


async def see_append(job: Job, meter: Meter) -> None:
    """Append while nothing else goes on, and wait until the row can be read."""
    from bench.contestants.ours_projection import see_append as measure  # noqa: PLC0415 - as said above

    await measure(job, meter)


def append_in_processes(job: Job, meter: Meter) -> None:
    """Append from four processes at once."""
    from bench.contestants.ours_in_processes import measure  # noqa: PLC0415 - imports this module

    measure(job, meter, processes=4)


def _in_loop(work: Callable[[Job, Meter], Awaitable[None]]) -> Callable[[Job, Meter], None]:
    async def run(job: Job, meter: Meter) -> None:
        await work(job, meter)

    return lambda job, meter: asyncio.run(run(job, meter))


def _filling(streams: Callable[[Job], Iterator[tuple[int, int]]]) -> Callable[[Job], None]:
    return lambda job: asyncio.run(fill(job, streams(job)))


MEASURES = {
    "append_one": _in_loop(partial(append_singly, length=1)),
    "append_16": _in_loop(partial(append_concurrently, writers=16)),
    "append_128": _in_loop(partial(append_concurrently, writers=128)),
    "append_in_processes": append_in_processes,
    "append_100": _in_loop(partial(append_singly, length=100)),
    "read_stream": _in_loop(read_stream),
    "replay": _in_loop(replay),
    "project": _in_loop(project),
    "rebuild": _in_loop(rebuild),
    "rehydrate_100": _in_loop(partial(rehydrate, length=100)),
    "rehydrate_1000": _in_loop(partial(rehydrate, length=1_000)),
    **measures_of("backstory.demo"),
    "see_append": _in_loop(see_append),
}
PREPARES = {
    "streams": _filling(lambda _: datasets.streams()),
    "log": _filling(lambda job: datasets.log(job.scale)),
    "users": _filling(lambda job: datasets.users(job.scale.projected)),
}
