"""Setting events aside, and finding out which streams wait behind one."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from backstory.core.events import RecordedEvent
from backstory.projections.tables import parked_table

_MOST_TEXT = 10_000
_MOST_NAMES = 500

_count = (
    select(func.count())
    .select_from(parked_table)
    .where(parked_table.c.projection == bindparam("name"))
)
_blocked = (
    select(parked_table.c.stream)
    .where(parked_table.c.projection == bindparam("name"))
    .where(parked_table.c.stream.in_(bindparam("streams", expanding=True)))
    .distinct()
)
_insert = insert(parked_table)


def count_parked(connection: Connection, name: str) -> int:
    """Return how many events of projection *name* stand aside."""
    return connection.execute(_count, {"name": name}).scalar_one()


def blocked_streams(connection: Connection, name: str, streams: Collection[str]) -> set[str]:
    """Return those of *streams* that have a parked event."""
    asked, blocked = list(streams), set[str]()
    for start in range(0, len(asked), _MOST_NAMES):
        names = asked[start : start + _MOST_NAMES]
        found = connection.execute(_blocked, {"name": name, "streams": names})
        blocked.update(found.scalars())
    return blocked


def park(
    connection: Connection,
    name: str,
    event: RecordedEvent,
    where: str,
    cause: BaseException,
    now: datetime,
) -> int:
    """Set *event* aside because of *cause*, which arose at *where*; return 1."""
    error, trace = describe(where, cause)
    _write(connection, name, event, error, trace, attempts=1, now=now)
    return 1


def behind(connection: Connection, name: str, event: RecordedEvent, now: datetime) -> None:
    """Set *event* aside, untried, because an earlier one of its stream stands aside."""
    error = "waits behind an earlier parked event of its stream"
    _write(connection, name, event, error, "", attempts=0, now=now)


def describe(where: str, cause: BaseException) -> tuple[str, str]:
    """Return the error in one line and its traceback, both bounded."""
    error = f"{type(cause).__name__}: {cause}, in {where}"
    trace = "".join(traceback.format_exception(cause))
    return error[:_MOST_TEXT], trace[-_MOST_TEXT:]


def _write(
    connection: Connection,
    name: str,
    event: RecordedEvent,
    error: str,
    trace: str,
    *,
    attempts: int,
    now: datetime,
) -> None:
    row = {
        "projection": name,
        "position": event.position,
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
