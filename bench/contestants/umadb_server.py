"""UmaDB: its server runs from the wheel, its synchronous client appends and reads over gRPC.

A stream is a tag; a new stream is required by an append condition on it. Payloads are JSON as for
everybody else; concurrent writers are threads.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from umadb import AppendCondition, Client, Event, Query, QueryItem, SequencedEvent

from bench import events
from bench.contestants import datasets
from bench.job import Job
from bench.meter import Meter
from bench.servers import HOST, free_port, serving

_TOGETHER: Final = 5_000
_SERVER: Final = "from umadb.umadb_server_cli import main; main()"
_encode = msgspec.json.Encoder().encode


@contextmanager
def client_of(folder: Path, *, batch_size: int | None = None) -> Iterator[Client]:
    """Run a server over a file in *folder* and yield a client."""
    port = free_port()
    address = f"{HOST}:{port}"
    command = [sys.executable, "-c", _SERVER, "--listen", address, "--db-path", "uma.db"]
    with serving(command, port, folder=folder):
        yield Client(f"http://{address}", batch_size=batch_size)


def stream_query(number: int) -> Query:
    """Return the query for the stream of user *number*."""
    return Query(items=[QueryItem(tags=[events.stream_of(number)])])


def encode(number: int, event: events.Event, metadata: dict[str, str]) -> Event:
    """Return *event* as one of the stream *number*."""
    is_first = isinstance(event, events.UserCreated)
    return Event(
        events.USER_CREATED if is_first else events.USER_RENAMED,
        _encode(event),
        tags=[events.stream_of(number)],
        uuid=uuid4(),
        metadata=metadata,
    )


def decode(item: SequencedEvent) -> events.Event:
    """Return the typed event in *item*."""
    return events.DECODERS[item.event.event_type](item.event.data)


def append(job: Job, meter: Meter, *, length: int) -> None:
    """Append new streams of *length*."""
    made = events.samples()
    portions = [made[start : start + length] for start in range(0, events.SAMPLES, length)]
    with client_of(job.folder) as client:
        for number in meter.laps(length):
            new = [encode(number, *sample) for sample in portions[number % len(portions)]]
            client.append(new, AppendCondition(stream_query(number)))


def append_concurrently(job: Job, meter: Meter, *, writers: int) -> None:
    """Append new streams of one event from *writers* threads."""
    made = events.samples()
    with client_of(job.folder) as client:

        def write(number: int) -> None:
            tally = meter.tally()
            going = True
            while going:
                new = [encode(number, *made[number % events.SAMPLES])]
                client.append(new, AppendCondition(stream_query(number)))
                number += writers
                going = tally.add(1)

        threads = [threading.Thread(target=write, args=(first,)) for first in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def read_stream(job: Job, meter: Meter) -> None:
    """Read the long stream to typed events."""
    number, length = datasets.LONG
    with client_of(job.data) as client:
        for _ in meter.laps(length):
            found = [(item, decode(item)) for item in client.read(stream_query(number))]
            assert len(found) == length


def replay(job: Job, meter: Meter) -> None:
    """Read everything; take position, tags, type and metadata, and decode the payload."""
    seen = 0
    with client_of(job.data) as client, meter.timed(job.scale.replayed):
        for item in client.read():
            stored = item.event
            envelope = (item.position, stored.tags, stored.event_type, stored.metadata)
            events.DECODERS[envelope[2]](stored.data)
            seen += 1
    assert seen == job.scale.replayed


def rehydrate(job: Job, meter: Meter, *, length: int) -> None:
    """Read streams of *length* and fold them."""
    numbers = datasets.of_length(length)
    with client_of(job.data) as client:
        for lap in meter.laps(1):
            found = map(decode, client.read(stream_query(numbers[lap % len(numbers)])))
            user = reduce(events.evolve, found, events.User())
            assert user.renamings == length - 1


def fill(folder: Path, streams: Iterator[tuple[int, int]]) -> None:
    """Append streams, thousands of events at a time."""
    waiting: list[Event] = []
    with client_of(folder) as client:
        for number, length in streams:
            meta = events.metadata(number)
            waiting += [encode(number, event, meta) for event in events.life(number, length)]
            if len(waiting) >= _TOGETHER:
                client.append(waiting)
                waiting = []
        if waiting:
            client.append(waiting)


MEASURES = {
    "append_one": partial(append, length=1),
    "append_16": partial(append_concurrently, writers=16),
    "append_128": partial(append_concurrently, writers=128),
    "append_100": partial(append, length=100),
    "read_stream": read_stream,
    "replay": replay,
    "rehydrate_100": partial(rehydrate, length=100),
    "rehydrate_1000": partial(rehydrate, length=1_000),
}
PREPARES = {
    "streams": lambda job: fill(job.data, datasets.streams()),
    "log": lambda job: fill(job.data, datasets.log(job.scale)),
}
