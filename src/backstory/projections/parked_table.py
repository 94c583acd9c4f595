"""The table of parked events as it is, without the code they were meant for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, true

from backstory.core.errors import InvalidInput
from backstory.projections.checkpoint import lock_checkpoints
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import parked_table

_columns = parked_table.c
_mine = _columns.projection == bindparam("name")
_every = select(
    _columns.projection,
    _columns.partition,
    _columns.position,
    _columns.event_id,
    _columns.stream,
    _columns.revision,
    _columns.type,
    _columns.error,
    _columns.traceback,
    _columns.attempts,
    _columns.parked_at,
).limit(bindparam("limit"))
_list = _every.where(_mine, _columns.position > bindparam("after")).order_by(_columns.position)
_list_stream = _list.where(_columns.stream == bindparam("stream"))


class ParkedEvent(msgspec.Struct, frozen=True):
    """An event that was set aside: by whom, where it stands, why, and how often it was tried."""

    projection: str
    partition: int
    position: int
    event_id: str
    stream: str
    revision: int
    type: str
    error: str
    traceback: str
    attempts: int
    parked_at: datetime


async def list_parked(
    read_model: ReadModel, name: str, *, stream: str | None = None, after: int = 0, limit: int
) -> Sequence[ParkedEvent]:
    """Return up to *limit* parked events of projection *name* behind position *after*, in order."""
    given = {"name": name, "after": after, "limit": limit}
    if stream is None:
        return await read_model.all(_list, given, into=ParkedEvent)
    return await read_model.all(_list_stream, given | {"stream": stream}, into=ParkedEvent)


class Which(msgspec.Struct, frozen=True):
    """Which parked events: of a projection, of a stream, at a position; all that is not named."""

    projection: str | None = None
    stream: str | None = None
    position: int | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """Return it as SQL."""
        fields = msgspec.structs.asdict(self).items()
        return and_(
            true(), *(_columns[name] == value for name, value in fields if value is not None)
        )


async def find_parked(read_model: ReadModel, which: Which, *, limit: int) -> Sequence[ParkedEvent]:
    """Return up to *limit* of the parked events, each projection's in the order of the log."""
    found = _every.where(which.condition).order_by(_columns.projection, _columns.position)
    return await read_model.all(found, {"limit": limit}, into=ParkedEvent)


async def count_parked_events(read_model: ReadModel, which: Which) -> int:
    """Return how many there are."""
    row = await read_model.one(
        select(func.count()).select_from(parked_table).where(which.condition)
    )
    return 0 if row is None else cast("int", row[0])


async def purge_parked(read_model: ReadModel, which: Which) -> int:
    """Let parked events go, unapplied, and return how many.

    Raises `InvalidInput` unless *which* names a projection, and a stream or a position at most.
    """
    name = which.projection
    if name is None or (which.stream is not None and which.position is not None):
        message = "purge takes a projection, and a stream or a position, not both"
        raise InvalidInput(message)

    def work(connection: Connection) -> int:
        lock_checkpoints(connection, name)
        return connection.execute(delete(parked_table).where(which.condition)).rowcount

    return await asyncio.to_thread(read_model.write, work)
