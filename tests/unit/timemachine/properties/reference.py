"""What there ought to be after each event, found in the plainest way that there is.

One database in memory, one transaction for each event and projection, each write as it comes.
Nothing of the code that is tested is used: no worker, no batch, no upcaster, no checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.pool import StaticPool

from backstory.core.events import NewEvent, RecordedEvent
from backstory.projections.policy import Park
from backstory.projections.projection import Handler, Projection
from tests.unit.timemachine.properties.rich import APPLICATION, metadata

Rows = Mapping[str, Sequence[tuple[object, ...]]]


class Happened(NamedTuple):
    """An event as it is stored, its stream, and the value it stands for; None: unreadable."""

    stream: str
    stored: NewEvent
    value: object | None
    python: type


class Place(NamedTuple):
    """How far a projection came: what its partitions applied last, and where some stopped."""

    applied: int
    stops: Sequence[int]

    def allows(self, checkpoint: int, until: int) -> bool:
        """Say whether a checkpoint tells the truth, at a moment."""
        if not self.stops:
            return checkpoint == until
        return self.applied <= checkpoint < min(self.stops)


class Truth(NamedTuple):
    """All that there is at a moment: rows, parked events (with attempts), how projections stand."""

    rows: Rows
    parked: Mapping[str, Sequence[tuple[int, str, int]]]
    places: Mapping[str, Place]


def rows_of(connection: Connection) -> Rows:
    """Return the rows of every table of the application, in the order of their keys."""
    return {
        table.name: [
            tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
        ]
        for table in metadata.sorted_tables
    }


def truths(happened: Sequence[Happened], recorded: Sequence[RecordedEvent]) -> Sequence[Truth]:
    """Return what there is after no event, after the first, and so on."""
    engine = _empty_database()
    followers = [
        _Follower(projection, partition)
        for projection in APPLICATION.projections
        for partition in range(projection.partitions)
    ]
    found = [_truth(engine, followers)]
    for what, record in zip(happened, recorded, strict=True):
        for follower in followers:
            follower.take(engine, what, record)
        found.append(_truth(engine, followers))
    engine.dispose()
    return found


def _empty_database() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys = ON"))
    metadata.create_all(engine)
    return engine


class _Follower:
    """A partition of a projection, that takes one event after the other."""

    def __init__(self, projection: Projection, partition: int) -> None:
        self.projection = projection
        self.partition = partition
        self.parked: list[tuple[int, str, int]] = []
        self.applied = 0
        self.stopped: int | None = None

    def take(self, engine: Engine, what: Happened, record: RecordedEvent) -> None:
        """Apply one event, park it, or stop."""
        handler = self.projection.handlers.get(what.python)
        number = crc32(record.stream.encode()) % self.projection.partitions
        if self.stopped is not None or handler is None or number != self.partition:
            return
        if any(stream == record.stream for _, stream, _ in self.parked):
            self.parked.append((record.position, record.stream, 0))
            return
        try:
            with engine.begin() as connection:
                _apply(connection, handler, what, record)
        except Exception:  # noqa: BLE001 - whatever went wrong, the policy decides
            if isinstance(self.projection.on_failure, Park):
                self.parked.append((record.position, record.stream, 1))
            else:
                self.stopped = record.position
        else:
            self.applied = record.position


def _apply(connection: Connection, handler: Handler, what: Happened, record: RecordedEvent) -> None:
    if what.value is None:
        message = "nobody can read this"
        raise ValueError(message)
    if handler.reads:
        handler.function(what.value, record, connection)
        return
    for write in handler.function(what.value, record) or ():
        if isinstance(write, tuple):
            connection.execute(*write)
        else:
            connection.execute(write)


def _truth(engine: Engine, followers: Sequence[_Follower]) -> Truth:
    with engine.connect() as connection:
        rows = rows_of(connection)
    parked: dict[str, Sequence[tuple[int, str, int]]] = {}
    places: dict[str, Place] = {}
    for name in (projection.name for projection in APPLICATION.projections):
        mine = [one for one in followers if one.projection.name == name]
        parked[name] = sorted(event for one in mine for event in one.parked)
        stopped = [(one.applied, one.stopped) for one in mine if one.stopped is not None]
        applied = min((at for at, _ in stopped), default=0)
        places[name] = Place(applied, sorted(at for _, at in stopped))
    return Truth(rows, parked, places)
