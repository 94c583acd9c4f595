"""Taking a snapshot: all rows of all projections, as of one moment of the read model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Select, Table, bindparam, select

import backstory
from backstory.application import Application
from backstory.core.clock import Clock, system_clock
from backstory.core.errors import SnapshotRefused
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.fingerprint import meaning_of_events
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import checkpoint_table, parked_table
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.manifest import (
    FORMAT,
    KeptProjection,
    KeptTable,
    Manifest,
)
from backstory.timemachine.snapshots.numbers import highest_number
from backstory.timemachine.snapshots.rows import dump

_ROWS: Final = 2_000
_positions = (
    select(checkpoint_table.c.position)
    .where(checkpoint_table.c.projection == bindparam("name"))
    .order_by(checkpoint_table.c.partition)
)


async def take_snapshot(
    application: Application,
    store: EventStore,
    read_model: ReadModel,
    folder: Folder,
    *,
    clock: Clock = system_clock,
) -> Manifest:
    """Write all that *read_model* holds of *application* to *folder*; return what was written.

    It is read in one transaction, so it is one state, whatever workers do meanwhile; nobody waits
    for it, and memory stays bounded. Its position is the furthest that any projection has applied;
    those that were behind go on from where they were when it is used.

    Raises `SnapshotRefused` when nothing was applied yet or the store is not the one the read model
    follows, `InvalidInput` for a value that cannot be kept, and what the databases raise. Nothing
    is there then.
    """
    applied = [await read_model.checkpoint(each.name) for each in application.projections]
    await _event_at(store, max(applied, default=0))
    position, kept = await asyncio.to_thread(_take, application, read_model, folder)
    event = await _event_at(store, position)
    manifest = Manifest(
        format=FORMAT,
        application=application.name,
        position=position,
        event_id=str(event.id),
        taken_at=clock(),
        backstory=backstory.__version__,
        projections=kept,
    )
    await asyncio.to_thread(folder.finish, manifest)
    return manifest


async def _event_at(store: EventStore, position: int) -> RecordedEvent:
    if position == 0:
        message = "no projection has applied anything yet, so there is nothing to take"
        raise SnapshotRefused(message)
    page = await store.read(Read(after=position - 1, limit=1))
    if not page or page[0].position != position:
        message = (
            f"the read model has applied position {position}, which the store does not hold; are "
            "they of the same application?"
        )
        raise SnapshotRefused(message)
    return page[0]


def _take(
    application: Application, read_model: ReadModel, folder: Folder
) -> tuple[int, tuple[KeptProjection, ...]]:
    with read_model.database.reading() as connection:
        rows = connection.execution_options(yield_per=_ROWS)
        taking = _Taking(application.schema, rows, folder)
        every = taking.positions(application.projections)
        position = max(at for positions in every for at in positions)
        folder.begin(position)
        return position, taking.write(position, application.projections, every)


class _Taking(msgspec.Struct, frozen=True):
    """What one snapshot is taken with."""

    schema: Schema
    connection: Connection
    folder: Folder

    def positions(self, projections: Sequence[Projection]) -> Sequence[Sequence[int]]:
        """Return the positions of the partitions of each of *projections*."""
        return [
            self.connection.execute(_positions, {"name": projection.name}).scalars().all()
            for projection in projections
        ]

    def write(
        self, at: int, projections: Sequence[Projection], every: Sequence[Sequence[int]]
    ) -> tuple[KeptProjection, ...]:
        """Write the rows of *projections*, which stand at *every* of these positions."""
        return tuple(
            self._projection(at, number, projection, positions)
            for number, (projection, positions) in enumerate(zip(projections, every, strict=True))
            if positions
        )

    def _projection(
        self, at: int, number: int, projection: Projection, positions: Sequence[int]
    ) -> KeptProjection:
        tables = tuple(
            self._table(at, f"{number}-{index}.rows", table, select(table))
            for index, table in enumerate(projection.tables)
        )
        mine = select(parked_table).where(parked_table.c.projection == projection.name)
        return KeptProjection(
            name=projection.name,
            code=projection.fingerprint,
            events=meaning_of_events(self.schema, projection.handlers),
            positions=tuple(positions),
            tables=tables,
            parked=self._table(at, f"{number}-parked.rows", parked_table, mine),
        )

    def _table(
        self, at: int, file: str, table: Table, rows: Select[*tuple[object, ...]]
    ) -> KeptTable:
        count = 0

        def counted() -> Iterator[Sequence[object]]:
            nonlocal count
            for row in self.connection.execute(rows):
                count += 1
                yield tuple(row)

        written = self.folder.write(at, file, dump(table, counted()))
        return KeptTable(
            str(table.name), file, count, written.sha256, highest_number(self.connection, table)
        )
