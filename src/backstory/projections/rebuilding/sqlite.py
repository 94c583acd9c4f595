"""Rebuilding in SQLite: a file beside the file, and a copy in one transaction.

A table cannot be moved from one file to another, so the rows are copied: for that long other
writers of the file wait. Readers see the old rows until the transaction commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zlib import crc32

from sqlalchemy import Connection, Engine, MetaData, NullPool, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.schema import CreateIndex, CreateTable

from backstory.core.errors import RebuildRefused
from backstory.projections.database import Database
from backstory.projections.projection import Projection
from backstory.projections.sqlite import SqliteDatabase
from backstory.projections.tables import checkpoint_table

_NEW: Final = "backstory_new"
_TIMEOUT: Final = 30.0


class SqliteBeside:
    """The file beside the read model's file."""

    def __init__(self, live: SqliteDatabase, projection: Projection) -> None:
        """Build beside *live*; raises `RebuildRefused` for a database in memory."""
        if live.file is None:
            message = "a read model in memory has nothing beside it; wipe it and let it catch up"
            raise RebuildRefused(message)
        self._live = live
        self._projection = projection
        self._file = live.file
        mark = f"{crc32(projection.name.encode()):08x}"
        self._new = live.file.with_name(f"{live.file.name}.rebuild-{mark}")
        self._lock = self._new.with_name(f"{self._new.name}.lock")
        self._engine = self._create_engine()

    def _create_engine(self) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=str(self._file)),
            hide_parameters=True,
            poolclass=NullPool,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )
        event.listen(engine, "connect", self._attach)
        event.listen(engine, "begin", _begin)
        return engine

    def _attach(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(_TIMEOUT * 1000)}")
        # Rows come and go table by table; what they point at is right again in the end.
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute(f"ATTACH DATABASE ? AS {_NEW}", (str(self._new),))
        cursor.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock on a file of its own, which ends with the process."""
        self._lock.touch()
        file = self._lock.stat().st_ino
        lock = sqlite3.connect(self._lock, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            try:
                lock.execute("BEGIN EXCLUSIVE")
                # Whoever held it has removed the file since: another may be locked by now.
                replaced = not self._lock.exists() or self._lock.stat().st_ino != file
            except sqlite3.OperationalError:
                replaced = True
            if replaced:
                message = (
                    f"projection {self._projection.name!r} is being rebuilt already, by another "
                    f"process, which holds {self._lock}; wait for it, or end that one"
                )
                raise RebuildRefused(message)
            yield
            self._lock.unlink(missing_ok=True)
        finally:
            lock.close()

    def check(self, *, keep: bool) -> None:
        """Refuse to keep old tables; rows are copied, so what stands around a table stays."""
        if keep:
            message = "SQLite keeps no old tables: copy the file of the read model before instead"
            raise RebuildRefused(message)

    def database(self) -> Database:
        """Return the file that is built."""
        return self._live.beside(self._new.name)

    @contextmanager
    def locked(self) -> Iterator[Connection]:
        """Take the write lock of the live file, and of that alone."""
        with self._engine.begin() as connection:
            # BEGIN IMMEDIATE would lock both files, and the one that is built is written meanwhile.
            connection.exec_driver_sql(
                f"UPDATE main.{checkpoint_table.name} SET position = position WHERE 0"  # noqa: S608 - of our constants
            )
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Begin to read both files."""
        with self._engine.connect() as connection, connection.begin():
            for place in ("main", _NEW):
                connection.exec_driver_sql(f"SELECT 1 FROM {place}.sqlite_master").first()  # noqa: S608 - made of constants
            yield connection

    def live(self, table: Table) -> Table:
        """Return *table* in the live file."""
        return table.to_metadata(MetaData(), schema="main")

    def rebuilt(self, table: Table) -> Table:
        """Return *table* in the file that is built."""
        return table.to_metadata(MetaData(), schema=_NEW)

    @property
    def kept(self) -> str:
        """Return nothing: the old rows are gone."""
        return "not kept: copy the file of the read model before, it is one file"

    def swap(self, locked: Connection, *, keep: bool) -> None:
        """Copy the rows; a table of another shape than before is made anew."""
        del keep  # refused before
        quote = locked.dialect.identifier_preparer.quote_identifier
        for table in self._projection.tables:
            name = quote(table.name)
            if self._has_same_shape(locked, table):
                locked.exec_driver_sql(f"DELETE FROM main.{name}")  # noqa: S608 - a quoted name
            else:
                _make_anew(locked, self.live(table), name)
            locked.exec_driver_sql(f"INSERT INTO main.{name} SELECT * FROM {_NEW}.{name}")  # noqa: S608 - quoted names
            _go_on_numbering(locked, table)

    @staticmethod
    def _has_same_shape(connection: Connection, table: Table) -> bool:
        found = [
            connection.exec_driver_sql(
                f"SELECT sql FROM {place}.sqlite_master WHERE type = 'table' AND name = ?",  # noqa: S608 - made of constants
                (str(table.name),),
            ).scalar()
            for place in ("main", _NEW)
        ]
        return found[0] == found[1]

    def remove(self) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        self._engine.dispose()
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{self._new}{end}").unlink(missing_ok=True)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _make_anew(connection: Connection, table: Table, name: str) -> None:
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS main.{name}")
    connection.execute(CreateTable(table))
    for index in table.indexes:
        connection.execute(CreateIndex(index))


def _go_on_numbering(connection: Connection, table: Table) -> None:
    if table.dialect_options["sqlite"]["autoincrement"]:
        name = (str(table.name),)
        connection.exec_driver_sql("DELETE FROM main.sqlite_sequence WHERE name = ?", name)
        connection.exec_driver_sql(
            f"INSERT INTO main.sqlite_sequence SELECT * FROM {_NEW}.sqlite_sequence WHERE name = ?",  # noqa: S608 - of our constants
            name,
        )
