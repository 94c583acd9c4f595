"""The rows of a live read model, copied to a SQLite file to be compared at leisure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Index,
    MetaData,
    Table,
    create_engine,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL

from backstory.projections.read_model import ReadModel
from backstory.projections.tables import checkpoint_table
from backstory.timemachine.diffing.terms import keys_of

_ROWS: Final = 5_000


class LiveRows(msgspec.Struct, frozen=True):
    """What a live read model held: positions by projection, and the columns of each table.

    There is a position for each partition. `missing` are the tables that are not there.
    """

    positions: Mapping[str, Sequence[int]]
    columns: Mapping[str, Sequence[str]]
    missing: Sequence[str]


async def copy_live(live: ReadModel, tables: Sequence[Table], file: Path) -> LiveRows:
    """Copy the rows of *tables* to *file*, as one transaction of *live* sees them.

    Nothing is written to *live*. The copy has no constraints: what should not be there is seen.
    Raises `ReadModelUnavailable`.
    """
    engine = create_engine(URL.create("sqlite", database=str(file)), hide_parameters=True)

    def work(connection: Connection) -> LiveRows:
        with engine.begin() as copy:
            copying = _Copying(connection, copy)
            columns = {str(table.name): copying.table(table) for table in tables}
        missing = [name for name, found in columns.items() if found is None]
        every = {
            str(table.name): columns[str(table.name)] or [str(one.name) for one in table.columns]
            for table in tables
        }
        return LiveRows(copying.positions(), every, missing)

    try:
        return await live.ask(work)
    finally:
        engine.dispose()


class _Copying:
    def __init__(self, live: Connection, copy: Connection) -> None:
        self._live = live
        self._copy = copy
        self._look = inspect(live)

    def positions(self) -> Mapping[str, Sequence[int]]:
        if self._columns_of(checkpoint_table) is None:
            return {}
        found: dict[str, list[int]] = {}
        query = select(checkpoint_table.c.projection, checkpoint_table.c.position)
        for name, position in self._live.execute(query.order_by(checkpoint_table.c.partition)):
            found.setdefault(name, []).append(position)
        return found

    def _columns_of(self, table: Table) -> set[str] | None:
        schema = self._live.schema_for_object(table)
        if not self._look.has_table(table.name, schema=schema):
            return None
        return {column["name"] for column in self._look.get_columns(table.name, schema=schema)}

    def table(self, table: Table) -> Sequence[str] | None:
        """Copy the rows of *table*; return its columns that are there, None without a table."""
        # Without key and constraints, which the live table may not have, either.
        plain = Table(
            table.name, MetaData(), *(Column(each.name, each.type) for each in table.columns)
        )
        plain.create(self._copy)
        there = self._columns_of(table)
        if there is None:
            return None
        columns = [column for column in table.columns if column.name in there]
        query = select(*columns).execution_options(yield_per=_ROWS)
        names = [str(column.name) for column in columns]
        rows = iter(self._live.execute(query))
        while some := list(islice(rows, _ROWS)):
            given = [dict(zip(names, row, strict=True)) for row in some]
            self._copy.execute(insert(plain), given)
        for number, key in enumerate(keys_of(table)):
            Index(f"backstory_{table.name}_{number}", *(plain.c[name] for name in key)).create(
                self._copy
            )
        return names
