"""Beginning a read model with a snapshot, in place of the first event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Table, bindparam, insert, update

from backstory.application import Application
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans
from backstory.projections.tables import checkpoint_table, parked_table
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.manifest import (
    KeptProjection,
    KeptTable,
    Manifest,
    mistrust,
)
from backstory.timemachine.snapshots.numbers import go_on_from
from backstory.timemachine.snapshots.rows import load

_columns = checkpoint_table.c
_put: Final = (
    update(checkpoint_table)
    .where(_columns.projection == bindparam("name"), _columns.partition == bindparam("number"))
    .values(position=bindparam("at"))
)


async def nearest(folder: Folder, history: EventStore) -> Manifest | None:
    """Return the latest snapshot in *folder* that *history* has come to; None without one.

    One that was taken of another log, where another event stands at its position, is passed over.
    Raises `SnapshotDamaged`.
    """
    until = await history.head()
    for position in reversed(await asyncio.to_thread(folder.positions)):
        if position <= until:
            manifest = await asyncio.to_thread(folder.manifest, position)
            page = await history.read(Read(after=position - 1, limit=1))
            if page and page[0].position == position and str(page[0].id) == manifest.event_id:
                return manifest
    return None


async def restore(
    manifest: Manifest, application: Application, folder: Folder, read_model: ReadModel
) -> Mapping[str, str]:
    """Fill *read_model*, which holds nothing yet, with the snapshot; return what was not used.

    Each projection whose code, tables, events and upcasters mean the same as when the snapshot was
    taken gets its rows, parked events and checkpoint, in one transaction. For each of the others
    the reason is returned; those begin with the first event. Raises `SnapshotDamaged`.
    """
    reasons = mistrust(manifest, application, application.projections)
    kept = {projection.name: projection for projection in manifest.projections}
    for projection in application.projections:
        if projection.name not in reasons:
            await read_model.prepare(projection)
            filling = _Filling(manifest.position, folder, read_model)
            await asyncio.to_thread(filling.fill, projection, kept[projection.name])
    return reasons


class _Filling:
    """Puts one snapshot into one read model."""

    def __init__(self, position: int, folder: Folder, read_model: ReadModel) -> None:
        self._position = position
        self._folder = folder
        self._read_model = read_model
        self._plans = Plans(read_model.database.engine.dialect)

    def fill(self, projection: Projection, kept: KeptProjection) -> None:
        """Put the rows of *projection* in."""

        def work(connection: Connection) -> None:
            for number, at in enumerate(kept.positions):
                given = {"name": projection.name, "number": number, "at": at}
                connection.execute(_put, given)
            files = {table.name: table for table in kept.tables}
            for table in _in_order(projection.tables):
                self._table(connection, table, files[table.name])
            self._table(connection, parked_table, kept.parked)

        self._read_model.write(work)

    def _table(self, connection: Connection, table: Table, kept: KeptTable) -> None:
        statement = insert(table)
        with self._folder.reading(self._position, kept.file, kept.sha256) as file:
            for rows in load(table, file):
                plan = None
                taken = []
                for row in rows:
                    plan, taken_row = self._plans.find(statement, row)
                    taken.append(taken_row)
                if plan is not None:
                    plan.run(connection, taken)
        go_on_from(connection, table, kept.numbered)


def _in_order(tables: Sequence[Table]) -> Sequence[Table]:
    """Return *tables* so that each stands behind those that its foreign keys point at."""
    order = {
        table: place
        for of in {t.metadata for t in tables}
        for place, table in enumerate(of.sorted_tables)
    }
    return sorted(tables, key=lambda table: order[table])
