"""Rebuilding in PostgreSQL: a schema beside the schema, and tables that change places.

Tables move with their indexes, constraints and sequences; names stay as they were, and what others
may do with the old ones they may do with the new. Nothing is copied, so the moment in which readers
wait is short. When it would have to wait for a long query, it is given up and tried again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from zlib import crc32

from sqlalchemy import Connection, Engine, Enum, MetaData, Sequence, Table, text
from sqlalchemy.dialects.postgresql.named_types import NamedType

from backstory.core.errors import RebuildRefused
from backstory.projections.checkpoint import lock_checkpoints
from backstory.projections.database import Database
from backstory.projections.postgres import catalogue
from backstory.projections.postgres.database import PostgresDatabase
from backstory.projections.postgres.names import quoted
from backstory.projections.projection import Projection

_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtextextended(:what, 0))")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(hashtextextended(:what, 0))")
_LONGEST_NAME: Final = 63
_PATIENCE: Final = "SET LOCAL lock_timeout = '500ms'"
_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresBeside:
    """The schema beside the read model's schema."""

    def __init__(self, live: PostgresDatabase, projection: Projection, *, discard: bool) -> None:
        """Build beside *live*; with *discard* what people added to its tables may be lost."""
        self._live = live
        self._projection = projection
        self._discard = discard
        mark = f"{crc32(f'{live.schema} {projection.name}'.encode()):08x}"
        self._new = _named(live.schema, f"_rebuild_{mark}")
        self._old = _named(live.schema, f"_before_{mark}")
        self._what = f"backstory rebuild {live.schema} {projection.name}"

    @property
    def _engine(self) -> Engine:
        return self._live.engine

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock of a session, which ends with the process."""
        with self._engine.connect() as connection:
            given = {"what": self._what}
            free = connection.execute(_LOCK, given).scalar_one()
            connection.commit()
            if not free:
                message = (
                    f"projection {self._projection.name!r} is being rebuilt already, by another "
                    "process; wait for it, or end that one"
                )
                raise RebuildRefused(message)
            try:
                yield
            finally:
                connection.execute(_UNLOCK, given)
                connection.commit()

    def check(self, *, keep: bool) -> None:
        """Refuse when others hang on the live tables, or when people added something to them."""
        del keep
        self._check_types()
        with self._engine.connect() as connection:
            self._check(connection)

    def _check_types(self) -> None:
        for table in self._projection.tables:
            for column in table.columns:
                named = isinstance(column.type, NamedType) or (
                    isinstance(column.type, Enum) and column.type.native_enum
                )
                if named or isinstance(column.default, Sequence):
                    message = (
                        f"{table.name}.{column.name} needs a type or a sequence with a name of its "
                        "own, which cannot change places with its table; use native_enum=False, "
                        "or a generated key"
                    )
                    raise RebuildRefused(message)

    def _check(self, connection: Connection) -> None:
        there = self._there(connection)
        for table in self._projection.tables:
            place = self.live(table)
            if table.name not in {one.name for one in there}:
                continue
            others = catalogue.dependents(connection, place, there)
            if others:
                message = (
                    f"{', '.join(others)} hangs on {place} and would stay with the old rows; "
                    "drop it, rebuild, and create it again"
                )
                raise RebuildRefused(message)
            extras = catalogue.extras(connection, place, self.rebuilt(table))
            if extras and not self._discard:
                message = (
                    f"{place} has what its projection does not declare: {', '.join(extras)}. "
                    "It would be lost: declare it in the Table, or allow it to be discarded"
                )
                raise RebuildRefused(message)

    def _there(self, connection: Connection) -> list[Table]:
        live = [self.live(table) for table in self._projection.tables]
        return [table for table in live if catalogue.exists(connection, table)]

    def database(self) -> Database:
        """Return the schema that is built."""
        return self._live.beside(self._new)

    @contextmanager
    def locked(self) -> Iterator[Connection]:
        """Lock the checkpoints, which every worker needs before it writes."""
        with self._live.writing() as connection:
            connection.exec_driver_sql(_PATIENCE)
            lock_checkpoints(connection, self._projection.name)
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Begin a transaction that sees one state."""
        with self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(_SNAPSHOT)
            connection.exec_driver_sql("SELECT 1")
            yield connection

    def live(self, table: Table) -> Table:
        """Return *table* in the live schema."""
        return table.to_metadata(MetaData(), schema=self._live.schema)

    def rebuilt(self, table: Table) -> Table:
        """Return *table* in the schema that is built."""
        return table.to_metadata(MetaData(), schema=self._new)

    @property
    def kept(self) -> str:
        """Return the schema of the old tables."""
        return f"schema {self._old!r}"

    def swap(self, locked: Connection, *, keep: bool) -> None:
        """Move the old tables out of the schema and the new ones into it."""
        # A view may have come since we looked.
        self._check(locked)
        there = self._there(locked)
        self._drop_schema(locked, self._old)
        _run(locked, f"CREATE SCHEMA {quoted(self._old)}")
        names = {table.name for table in there}
        for table in self._projection.tables:
            if table.name in names:
                _run(locked, catalogue.ownership(locked, self.live(table), self.rebuilt(table)))
                for grant in catalogue.grants(locked, self.live(table), self.rebuilt(table)):
                    _run(locked, grant)
        for table in there:
            _run(locked, f"ALTER TABLE {_place(table)} SET SCHEMA {quoted(self._old)}")
        for table in self._projection.tables:
            place, schema = _place(self.rebuilt(table)), quoted(self._live.schema)
            _run(locked, f"ALTER TABLE {place} SET SCHEMA {schema}")
        if not keep:
            self._drop_schema(locked, self._old)

    def remove(self) -> None:
        """Drop the schema that was built."""
        with self._live.writing() as connection:
            self._drop_schema(connection, self._new)

    @staticmethod
    def _drop_schema(connection: Connection, name: str) -> None:
        _run(connection, f"DROP SCHEMA IF EXISTS {quoted(name)} CASCADE")


def _named(schema: str, end: str) -> str:
    """Return the name of a schema beside *schema*, which may be as long as a name can be."""
    room = _LONGEST_NAME - len(end)
    return schema.encode()[:room].decode(errors="ignore") + end


def _place(table: Table) -> str:
    return f"{quoted(str(table.schema))}.{quoted(table.name)}"


def _run(connection: Connection, sql: str) -> None:
    # As it is: names may hold percent signs.
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
