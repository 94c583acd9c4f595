"""Parked events: listing them, trying them again, letting them go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import cast

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update

from backstory.core.errors import InvalidInput, ReadModelUnavailable, StoreDamaged
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.batch import EventFailed, Handling
from backstory.projections.checkpoint import lock_checkpoint
from backstory.projections.parking import describe
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans
from backstory.projections.tables import parked_table

_PAGE = 500
_columns = parked_table.c
_mine = _columns.projection == bindparam("name")
_list = (
    select(
        _columns.position,
        _columns.event_id,
        _columns.stream,
        _columns.revision,
        _columns.type,
        _columns.error,
        _columns.traceback,
        _columns.attempts,
        _columns.parked_at,
    )
    .where(_mine, _columns.position > bindparam("after"))
    .order_by(_columns.position)
    .limit(bindparam("limit"))
)
_list_stream = _list.where(_columns.stream == bindparam("stream"))
_streams = (
    select(_columns.stream)
    .where(_mine, _columns.stream > bindparam("after"))
    .distinct()
    .order_by(_columns.stream)
    .limit(_PAGE)
)
_count = select(func.count()).select_from(parked_table).where(_mine)
_count_stream = _count.where(_columns.stream == bindparam("stream"))
_first = select(func.min(_columns.position)).where(_mine, _columns.stream == bindparam("stream"))


class ParkedEvent(msgspec.Struct, frozen=True):
    """An event that was set aside: where it stands, why, and how often it was tried."""

    position: int
    event_id: str
    stream: str
    revision: int
    type: str
    error: str
    traceback: str
    attempts: int
    parked_at: datetime


class Retried(msgspec.Struct, frozen=True):
    """What a retry came to: how many events were applied, and how many stay parked."""

    applied: int
    left: int


class ParkedEvents:
    """The parked events of one projection. Safe beside running workers, in any process."""

    def __init__(
        self,
        projection: Projection,
        *,
        schema: Schema,
        store: EventStore,
        read_model: ReadModel,
    ) -> None:
        """Take what the projection's worker takes."""
        self._name = projection.name
        self._store = store
        self._read_model = read_model
        self._handling = Handling(projection, schema, Plans(read_model.database.engine.dialect))

    async def list(
        self, *, stream: str | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[ParkedEvent]:
        """Return up to *limit* parked events behind position *after*, in order."""
        given = {"name": self._name, "after": after, "limit": limit}
        if stream is None:
            return await self._read_model.all(_list, given, into=ParkedEvent)
        return await self._read_model.all(
            _list_stream, given | {"stream": stream}, into=ParkedEvent
        )

    async def retry(self, *, stream: str | None = None) -> Retried:
        """Apply the parked events of *stream*, or of all streams, in order; say what came of it.

        Each event is one transaction. A stream goes on until one of its events fails again; that
        one keeps its place with the new error and one more attempt. Raises `StoreDamaged` when the
        store does not hold the event any more, and `ReadModelUnavailable`.
        """
        applied = 0
        async for name in self._streams(stream):
            applied += await self._retry_stream(name)
        left = await self._read_model.one(
            _count if stream is None else _count_stream, {"name": self._name, "stream": stream}
        )
        return Retried(applied, 0 if left is None else cast("int", left[0]))

    async def purge(self, *, stream: str | None = None, position: int | None = None) -> int:
        """Let parked events go, unapplied, and return how many: one event's, a stream's, or all.

        Purging one event leaves those behind it parked; retry them afterwards.
        Raises `InvalidInput` when both *stream* and *position* are given.
        """
        if stream is not None and position is not None:
            message = "purge takes a stream or a position, not both"
            raise InvalidInput(message)
        which: ColumnElement[bool] = _columns.projection == self._name
        if stream is not None:
            which = and_(which, _columns.stream == stream)
        if position is not None:
            which = and_(which, _columns.position == position)

        def work(connection: Connection) -> int:
            lock_checkpoint(connection, self._name, self._read_model.clock())
            return connection.execute(delete(parked_table).where(which)).rowcount

        return await asyncio.to_thread(self._read_model.write, work)

    async def _streams(self, stream: str | None) -> AsyncIterator[str]:
        if stream is not None:
            yield stream
            return
        after = ""
        while page := await self._read_model.all(_streams, {"name": self._name, "after": after}):
            for (name,) in page:
                after = cast("str", name)
                yield after

    async def _retry_stream(self, stream: str) -> int:
        """Apply the parked events of *stream* until one fails again; return how many were."""
        applied = 0
        while found := await self.list(stream=stream, limit=1):
            event = await self._event_of(found[0])
            try:
                applied += await asyncio.to_thread(self._apply, event)
            except ReadModelUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                await asyncio.to_thread(self._keep, found[0], event, error)
                break
        return applied

    def _apply(self, event: RecordedEvent) -> int:
        """Apply *event* and let it go; return 0 when someone else was quicker."""
        first = {"name": self._name, "stream": event.stream}

        def work(connection: Connection) -> int:
            lock_checkpoint(connection, self._name, self._read_model.clock())
            if connection.execute(_first, first).scalar_one() != event.position:
                return 0
            self._handling.apply_one(connection, event)
            connection.execute(delete(parked_table).where(self._is(event.position)))
            return 1

        return self._read_model.write(work)

    def _keep(self, parked: ParkedEvent, event: RecordedEvent, error: Exception) -> None:
        where, cause = self._handling.place_of(event), error
        if isinstance(error, EventFailed):
            where, cause = error.where, cast("Exception", error.__cause__)
        text, trace = describe(where, cause)
        values = {"error": text, "traceback": trace, "attempts": parked.attempts + 1}
        statement = update(parked_table).where(self._is(parked.position)).values(**values)
        self._read_model.write(lambda connection: connection.execute(statement).rowcount)

    def _is(self, position: int) -> ColumnElement[bool]:
        return and_(_columns.projection == self._name, _columns.position == position)

    async def _event_of(self, parked: ParkedEvent) -> RecordedEvent:
        query = Read(stream=parked.stream, after=parked.revision - 1, limit=1)
        found = await self._store.read(query)
        if not found or str(found[0].id) != parked.event_id:
            message = (
                f"parked event {parked.event_id} is not in the store at {parked.stream!r} revision "
                f"{parked.revision}; purge it, or use the store it came from"
            )
            raise StoreDamaged(message)
        return found[0]
