"""Building the rows anew, from the first event on or from where a rebuild was interrupted."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, select

from backstory.core.fingerprint import fingerprint
from backstory.core.history import History
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.checkpoint import positions_of
from backstory.projections.fingerprint import meaning_of_events
from backstory.projections.means import Means
from backstory.projections.partition_worker import PartitionWorker
from backstory.projections.partitions import Partition, partitions_of
from backstory.projections.persisting import Threads
from backstory.projections.projecting import projection_worker
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel

_PAGE: Final = 5_000

_built: Table = Table(
    "backstory_rebuild",
    MetaData(),
    Column("code", String(200), nullable=False),
)
"""Which code the rows were built by; another must not go on with them."""


class Building:
    """The new rows of a projection, in a read model of their own. Use it from one event loop."""

    def __init__(
        self, projection: Projection, read_model: ReadModel, *, schema: Schema, store: EventStore
    ) -> None:
        """Build in *read_model* what the events of *store* come to."""
        # The numbers that a database gives to rows depend on the order of all events, so rows that
        # have them are built by one worker, in how many partitions they are kept up later.
        self._numbered = any(table.autoincrement_column is not None for table in projection.tables)
        self.projection: Projection = _in_one(projection) if self._numbered else projection
        self.read_model: ReadModel = read_model
        self._schema = schema
        self._store = store
        self._parts = partitions_of(projection.name, self.projection.partitions)
        dialect = read_model.database.engine.dialect
        self._threads = Threads(dialect, len(self._parts), "rebuild")
        self._workers: dict[Partition, PartitionWorker] = {}
        self._positions: tuple[int, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """Return the position that each partition has applied."""
        return tuple(
            max(worker.status.position, known) if (worker := self._workers.get(part)) else known
            for part, known in zip(self._parts, self._positions, strict=True)
        )

    async def begin(self) -> bool:
        """Make ready; return whether it goes on with what an earlier try has built.

        That was built by the same code, of the same events, in as many partitions, or is wiped.
        """
        goes_on = await asyncio.to_thread(self.read_model.write, self._is_same)
        if not goes_on:
            await self.read_model.wipe(self.projection)
            await asyncio.to_thread(self.read_model.write, self._sign)
        if self._numbered and self.read_model.database.engine.dialect.name == "postgresql":
            from backstory.projections.rebuilding.numbers import keep_numbers  # noqa: PLC0415 - its driver is an extra

            await asyncio.to_thread(keep_numbers, self.read_model.database, self.projection.tables)
        await self._look()
        return goes_on and any(self._positions)

    async def bring(self, until: Sequence[int]) -> None:
        """Apply everything up to *until*, a position for each partition, and no more.

        Raises `HandlerFailed` when an event cannot be applied and the projection's policy is to
        stop, and what reading the store and writing the read model raise.
        """
        with self._threads.open():
            self._workers = {
                part: self._worker(part, end)
                for part, end, at in zip(self._parts, until, self._positions, strict=True)
                if end > at
            }
            tasks = [asyncio.ensure_future(one.catch_up()) for one in self._workers.values()]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        await self._look()

    def _worker(self, part: Partition, until: int) -> PartitionWorker:
        means = Means(
            schema=self._schema,
            store=History(self._store, until),
            read_model=self.read_model,
            threads=self._threads,
            page=_PAGE,
            gather=0.0,
            around=[],
        )
        return projection_worker(self.projection, means, part)

    async def _look(self) -> None:
        self._positions = await asyncio.to_thread(
            self.read_model.write, lambda connection: positions_of(connection, self.projection.name)
        )

    def _is_same(self, connection: Connection) -> bool:
        self.read_model.database.prepare(connection)
        _built.create(connection, checkfirst=True)
        code: str | None = connection.execute(select(_built.c.code)).scalar()
        return code == self._code()

    def _sign(self, connection: Connection) -> None:
        connection.execute(delete(_built))
        connection.execute(insert(_built), {"code": self._code()})

    def _code(self) -> str:
        events = meaning_of_events(self._schema, self.projection.handlers)
        return fingerprint(self.projection.fingerprint, events, len(self._parts))


def _in_one(projection: Projection) -> Projection:
    one = copy.copy(projection)
    one.partitions = 1
    return one
