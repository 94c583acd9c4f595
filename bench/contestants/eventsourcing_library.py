"""`eventsourcing`, as its documentation shows: aggregates, repository, projection.

It stores no metadata and gives every event a time of its own, so its events carry neither metadata
nor a time of ours. On SQLite it sets WAL and leaves `synchronous` at FULL, which is checked; on
PostgreSQL it locks its table for each insert, without which it would lose events.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteDatastore

from bench import place
from bench.contestants import datasets
from bench.contestants.raw_table import FULL
from bench.events import created, renamed, username
from bench.job import Job
from bench.meter import Meter

_PAGE: Final = 1_000
_NAMESPACE: Final = UUID(int=1)
_BIT: Final = 100
_TOGETHER: Final = 2_000
_TOGETHER_IN_POSTGRES: Final = 50
"""Aggregates saved at once; with more of them its pipeline to PostgreSQL never ends."""


class User(Aggregate):
    """A user, in the library's declarative style."""

    def __init__(self, *, username: str, full_name: str, email: str, city: str, plan: str) -> None:
        """Come into being; the library makes the event `User.Created` of the parameters."""
        self.username = username
        self.full_name = full_name
        self.email = email
        self.city = city
        self.plan = plan
        self.renamings = 0

    @staticmethod
    def create_id(username: str) -> UUID:
        """Return the id that belongs to *username*."""
        return id_of(username)

    @event("Renamed")
    def rename(self, full_name: str, former_name: str, reason: str) -> None:  # noqa: ARG002 - kept in the event
        """Be called *full_name*."""
        self.full_name = full_name
        self.renamings += 1


class Users(Application[UUID]):
    """An application with nothing of its own."""


def id_of(username: str) -> UUID:
    """Return the id of the aggregate of *username*."""
    return uuid5(_NAMESPACE, username)


def open_application(folder: Path) -> Users:
    """Return the application over a file in *folder*; checks that it is durable."""
    application = Users(env=environment(folder))
    datastore = getattr(application.recorder, "datastore", None)
    if isinstance(datastore, SQLiteDatastore):
        with datastore.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone()[0] == FULL, "not durable"
    else:
        assert place.is_postgres()
    return application


def environment(folder: Path) -> dict[str, str]:
    """Return the settings of an application over a file, or a database, that is *folder*'s."""
    if place.is_postgres():
        url = urlsplit(place.url_of(folder, ""))
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": url.path.strip("/"),
            "POSTGRES_HOST": parse_qs(url.query)["host"][0],
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": url.username or "postgres",
            "POSTGRES_PASSWORD": "",
            "POSTGRES_POOL_SIZE": "8",
            "POSTGRES_MAX_OVERFLOW": "8",
        }
    return {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(folder / "eventsourcing.db"),
        "SQLITE_LOCK_TIMEOUT": "10",
    }


def user(number: int, length: int = 1) -> User:
    """Return user *number* with *length* events not saved yet."""
    made = created(number)
    aggregate = User(
        username=made.username,
        full_name=made.full_name,
        email=made.email,
        city=made.city,
        plan=made.plan,
    )
    for time in range(1, length):
        change = renamed(number, time)
        aggregate.rename(change.full_name, change.former_name, change.reason)
    return aggregate


def append(job: Job, meter: Meter, *, length: int) -> None:
    """Save new aggregates of *length* events, one at a time."""
    application = open_application(job.folder)
    for number in meter.laps(length):
        application.save(user(number, length))
    application.close()


def append_concurrently(job: Job, meter: Meter, *, writers: int) -> None:
    """Save new aggregates of one event from *writers* threads."""
    application = open_application(job.folder)
    failures: list[Exception] = []

    def write(first: int) -> None:
        tally = meter.tally()
        number = first
        going = True
        try:
            while going:
                application.save(user(number))
                number += writers
                going = tally.add(1)
        except Exception as failure:  # noqa: BLE001 - raised again where it is seen
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    application.close()


def read_stream(job: Job, meter: Meter) -> None:
    """Read the long aggregate's events, decoded."""
    application = open_application(job.data)
    number, length = datasets.LONG
    wanted = id_of(username(number))
    for _ in meter.laps(length):
        assert len(list(application.events.get(wanted))) == length
    application.close()


def replay(job: Job, meter: Meter) -> None:
    """Select notifications in pages and make domain events of them."""
    application = open_application(job.data)
    seen = position = 0
    with meter.timed(job.scale.replayed):
        while True:
            page = application.recorder.select_notifications(position + 1, _PAGE)
            events = [application.mapper.to_domain_event(notification) for notification in page]
            if not events:
                break
            seen += len(events)
            position = page[-1].id
    assert seen == job.scale.replayed
    application.close()


def rehydrate(job: Job, meter: Meter, *, length: int) -> None:
    """Get aggregates of *length* events from the repository."""
    application = open_application(job.data)
    ids = [id_of(username(number)) for number in datasets.of_length(length)]
    for lap in meter.laps(1):
        found: User = application.repository.get(ids[lap % len(ids)])
        assert found.renamings == length - 1
    application.close()


def fill(folder: Path, streams: Iterable[tuple[int, int]]) -> None:
    """Save aggregates in large transactions."""
    application = open_application(folder)
    for together in _portions(iter(streams)):
        application.save(*(user(number, length) for number, length in together))
    application.close()


def fill_long(folder: Path, streams: Iterable[tuple[int, int]]) -> None:
    """Save long aggregates bit by bit, which is how they come into being."""
    application = open_application(folder)
    for number, length in streams:
        aggregate = user(number)
        for time in range(1, length):
            change = renamed(number, time)
            aggregate.rename(change.full_name, change.former_name, change.reason)
            if time % _BIT == 0:
                application.save(aggregate)
        application.save(aggregate)
    application.close()


def _portions(streams: Iterator[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    together = _TOGETHER_IN_POSTGRES if place.is_postgres() else _TOGETHER
    while portion := list(islice(streams, together)):
        yield portion


def project(job: Job, meter: Meter) -> None:
    """Run a projection with the library's runner."""
    # Here, so that only this workload pays for the view's tables and threads.
    from bench.contestants.eventsourcing_projection import run  # noqa: PLC0415 - as said above

    run(job, meter)


MEASURES = {
    "append_one": partial(append, length=1),
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
    "streams": lambda job: fill_long(job.data, datasets.streams()),
    "log": lambda job: fill(job.data, datasets.log(job.scale)),
    "users": lambda job: fill(job.data, datasets.users(job.scale.projected_singly)),
}
