"""Parked events: listing them, trying them again, letting them go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update

from backstory.core.errors import ReadModelUnavailable, StoreDamaged
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.checkpoint import lock_checkpoint
from backstory.projections.followers import Follower
from backstory.projections.parked_table import ParkedEvent, Which, list_parked, purge_parked
from backstory.projections.parking import describe
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel
from backstory.projections.retrying import Again, again
from backstory.projections.tables import parked_table

_PAGE: Final = 500
_columns = parked_table.c
_mine = _columns.projection == bindparam("name")
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


class Retried(msgspec.Struct, frozen=True):
    """What a retry came to: how many events were applied, and how many stay parked."""

    applied: int
    left: int


class ParkedEvents:
    """The parked events of one projection or reactor. Safe beside running workers, anywhere."""

    def __init__(
        self,
        follower: Follower,
        *,
        schema: Schema,
        store: EventStore,
        read_model: ReadModel,
    ) -> None:
        """Take what the workers of *follower* take."""
        self._name = follower.name
        self._store = store
        self._read_model = read_model
        self._again: Again = again(follower, schema, read_model)

    async def list(
        self, *, stream: str | None = None, after: int = 0, limit: int = 100
    ) -> Sequence[ParkedEvent]:
        """Return up to *limit* parked events behind position *after*, in order."""
        return await list_parked(
            self._read_model, self._name, stream=stream, after=after, limit=limit
        )

    async def purge(self, *, stream: str | None = None, position: int | None = None) -> int:
        """Let parked events go, unapplied, and return how many: one event's, a stream's, or all.

        Purging one event leaves those behind it parked; retry them afterwards.
        Raises `InvalidInput` when both *stream* and *position* are given.
        """
        return await purge_parked(self._read_model, Which(self._name, stream, position))

    async def retry(self, *, stream: str | None = None) -> Retried:
        """Apply the parked events of *stream*, or of all streams, in order; say what came of it.

        Each event of a projection is one transaction; a reactor's handler is called with the key
        it was called with before. A stream goes on until one of its events fails again; that one
        keeps its place with the new error and one more attempt. Raises `StoreDamaged` when the
        store does not hold the event any more, and `ReadModelUnavailable`.
        """
        applied = 0
        async for name in self._streams(stream):
            applied += await self._retry_stream(name)
        left = await self._read_model.one(
            _count if stream is None else _count_stream, {"name": self._name, "stream": stream}
        )
        return Retried(applied, 0 if left is None else cast("int", left[0]))

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
            partition = Partition(self._name, found[0].partition)
            try:
                await self._again.prepare(event)
                applied += await asyncio.to_thread(self._apply, partition, event)
            except ReadModelUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                await asyncio.to_thread(self._keep, found[0], event, error)
                break
        return applied

    def _apply(self, partition: Partition, event: RecordedEvent) -> int:
        """Apply *event* and let it go; return 0 when someone else was quicker."""
        first = {"name": self._name, "stream": event.stream}

        def work(connection: Connection) -> int:
            lock_checkpoint(connection, partition)
            if connection.execute(_first, first).scalar_one() != event.position:
                return 0
            self._again.apply(connection, event)
            connection.execute(delete(parked_table).where(self._is(event.position)))
            return 1

        return self._read_model.write(work)

    def _keep(self, parked: ParkedEvent, event: RecordedEvent, error: Exception) -> None:
        failure = self._again.failure(event, error)
        text, trace = describe(failure.where, failure.cause)
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
