"""Setting events aside, and finding out which streams wait behind one."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from backstory.core.events import RecordedEvent
from backstory.projections.partitions import Partition
from backstory.projections.tables import parked_table

_MOST_TEXT = 10_000
_MOST_NAMES = 500

_count = (
    select(func.count())
    .select_from(parked_table)
    .where(parked_table.c.projection == bindparam("name"))
)
_count_partition = _count.where(parked_table.c.partition == bindparam("number"))
_blocked = (
    select(parked_table.c.stream)
    .where(parked_table.c.projection == bindparam("name"))
    .where(parked_table.c.stream.in_(bindparam("streams", expanding=True)))
    .distinct()
)
_insert = insert(parked_table)


def count_parked(connection: Connection, name: str) -> int:
    """Return how many events of projection *name* stand aside, in all its partitions."""
    return connection.execute(_count, {"name": name}).scalar_one()


def count_parked_in(connection: Connection, partition: Partition) -> int:
    """Return how many events of *partition* stand aside."""
    given = {"name": partition.projection, "number": partition.number}
    return connection.execute(_count_partition, given).scalar_one()


def blocked_streams(connection: Connection, name: str, streams: Collection[str]) -> set[str]:
    """Return those of *streams* that have a parked event."""
    asked, blocked = list(streams), set[str]()
    for start in range(0, len(asked), _MOST_NAMES):
        names = asked[start : start + _MOST_NAMES]
        found = connection.execute(_blocked, {"name": name, "streams": names})
        blocked.update(found.scalars())
    return blocked


class Failure(msgspec.Struct, frozen=True):
    """Why an event could not be applied: its cause, where that arose, after how many attempts."""

    where: str
    cause: BaseException
    attempts: int = 1

    @property
    def reason(self) -> str:
        """Return the cause in one line."""
        return f"{type(self.cause).__name__}: {self.cause}"


def park(
    connection: Connection,
    partition: Partition,
    event: RecordedEvent,
    failure: Failure,
    now: datetime,
) -> int:
    """Set *event* aside because of *failure*; return 1."""
    error, trace = describe(failure.where, failure.cause)
    _write(connection, partition, event, error, trace, attempts=failure.attempts, now=now)
    return 1


def behind(
    connection: Connection, partition: Partition, event: RecordedEvent, now: datetime
) -> None:
    """Set *event* aside, untried, because an earlier one of its stream stands aside."""
    error = "waits behind an earlier parked event of its stream"
    _write(connection, partition, event, error, "", attempts=0, now=now)


def describe(where: str, cause: BaseException) -> tuple[str, str]:
    """Return the error in one line and its traceback, both bounded."""
    error = f"{type(cause).__name__}: {cause}, in {where}"
    trace = "".join(traceback.format_exception(cause))
    return error[:_MOST_TEXT], trace[-_MOST_TEXT:]


def _write(
    connection: Connection,
    partition: Partition,
    event: RecordedEvent,
    error: str,
    trace: str,
    *,
    attempts: int,
    now: datetime,
) -> None:
    row = {
        "projection": partition.projection,
        "position": event.position,
        "partition": partition.number,
        "event_id": str(event.id),
        "stream": event.stream,
        "revision": event.revision,
        "type": event.type,
        "error": error,
        "traceback": trace,
        "attempts": attempts,
        "parked_at": now,
    }
    connection.execute(_insert, row)
