"""Read models in SQLite: everything that is true of SQLite alone.

WAL lets readers go on while a batch is written. `synchronous=NORMAL` does not wait for the disk at
each commit; after a power cut the last batches may be missing, but checkpoint and rows roll back
together, so the worker applies them again and the read model is right. (The event store itself is
never opened this way.)
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, cast

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    QueuePool,
    StaticPool,
    create_engine,
    event,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection

from backstory.core.errors import InvalidSetting
from backstory.projections import lookup as lookups
from backstory.projections.database import Values
from backstory.projections.lookup import Lookup
from backstory.projections.reading import Queries

_WRITES: Final = "backstory_writes"
_DEFAULT_BUSY_TIMEOUT: Final = 5.0
_CACHE_KIB: Final = 16 * 1024
_PAGES_IN_WAL: Final = 4_000
# Rows of a read model come in any order of their keys; with SQLite's small defaults most of a
# catch-up is spent on writing the same index pages again and again.
_KEPT: Final = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "cache_size": f"-{_CACHE_KIB}",
}
# A copy that is made anew after a crash waits for no disk, and is written once, not twice.
_THROWAWAY: Final = {
    "journal_mode": "MEMORY",
    "synchronous": "OFF",
    "cache_size": f"-{4 * _CACHE_KIB}",
}

# The low byte of SQLite's result code: reasons that lie in the file, the disk or other processes.
_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


class SqliteDatabase:
    """A SQLite file, or a database in memory that lives until `close`.

    The one in memory has a single connection: whoever uses it waits for the transaction under way.
    """

    def __init__(self, url: URL, *, alone: bool = False) -> None:
        """Take `sqlite:///file.db`; `?busy_timeout=` gives the seconds to wait for a lock.

        With *alone* a file has a single connection, too, and is nobody's but ours: it need not
        survive a crash. Raises `InvalidSetting` for another setting.
        """
        in_memory = url.database in (None, "", ":memory:")
        self._file = None if in_memory else Path(str(url.database)).absolute()
        self._url = url
        self._timeout = _busy_timeout(url)
        self._single = alone or in_memory
        self._alone_in_file = alone and not in_memory
        self._lock = threading.RLock() if self._single else None
        self._engine = self._create_engine(url.difference_update_query(["busy_timeout"]))
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._queries = Queries(self._engine.dialect)
        self._own = threading.local()
        self._readers: list[sqlite3.Connection] = []

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return self._engine

    @property
    def file(self) -> Path | None:
        """Return the path of the file, None for a database in memory."""
        return self._file

    def beside(self, name: str) -> SqliteDatabase:
        """Return the database in the file called *name* in the directory of this one."""
        assert self._file is not None  # noqa: S101 - one in memory stands beside nothing
        return SqliteDatabase(self._url.set(database=str(self._file.with_name(name))))

    def _create_engine(self, url: URL) -> Engine:
        engine = create_engine(
            url,
            # An error must not carry personal data into logs and parked events.
            hide_parameters=True,
            poolclass=StaticPool if self._single else QueuePool,
            # Else the driver begins transactions by itself: late, and not for DDL.
            connect_args={"check_same_thread": False, "isolation_level": None},
        )
        event.listen(engine, "connect", self._set_up)
        event.listen(engine, "begin", _begin)
        return engine

    def _set_up(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(self._timeout * 1000)}")
        for name, value in (_THROWAWAY if self._alone_in_file else _KEPT).items():
            cursor.execute(f"PRAGMA {name} = {value}")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_WAL}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def _alone(self) -> AbstractContextManager[object]:
        return self._lock or nullcontext()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that holds the write lock from its beginning."""
        with self._alone(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction in which nothing can be written."""
        with self._alone(), self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("PRAGMA query_only = OFF")

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Values]:
        """Return all rows of a query."""
        found = None if self._file is None else self._queries.find(statement)
        if found is not None:
            query, key = found
            given = query.parameters(parameters, key)
            try:
                rows = self._reader().execute(query.sql, given).fetchall()
            except sqlite3.Error:
                pass  # the ordinary way fails as well, with an error that names no driver
            else:
                return query.values(rows)
        with self._alone(), self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement, dict(parameters))]

    async def read(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        """Return all rows of a query at once, in the calling thread: no network, no lock."""
        return self.fetch(statement, parameters)

    async def find(self, lookup: Lookup, keys: Sequence[object]) -> Sequence[Values]:
        """Return the rows of *keys* at once."""
        if len(keys) == 1:
            return self.fetch(lookup.of_one, lookups.one(keys[0]))
        found: list[Values] = []
        for given in lookups.some(keys):
            found += self.fetch(lookup.of_some, given)
        return found

    def prepare(self, connection: Connection) -> None:
        """Do nothing: who writes is alone, and there are no schemas."""

    def _reader(self) -> sqlite3.Connection:
        """Return the calling thread's own connection, kept open so a read costs one statement."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._file or ":memory:",
                timeout=self._timeout,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("PRAGMA query_only = ON")
            self._own.connection = connection
            self._readers.append(connection)
        return connection

    def is_unavailable(self, error: BaseException) -> bool:
        """Say whether *error* is a lock, the disk or the file, and not the statement."""
        reason = getattr(error, "orig", None) or error
        code = getattr(reason, "sqlite_errorcode", None)
        return (
            isinstance(reason, sqlite3.Error) and code is not None and code & 0xFF in _UNAVAILABLE
        )

    def close(self) -> None:
        """Close every connection."""
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self._own = threading.local()
        self._engine.dispose()


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that reads first and then writes can be refused for good.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _busy_timeout(url: URL) -> float:
    unknown = sorted(set(url.query) - {"busy_timeout"})
    if unknown:
        message = (
            f"a SQLite read model has no setting {unknown[0]!r}; it knows busy_timeout (seconds)"
        )
        raise InvalidSetting(message)
    given = url.query.get("busy_timeout", _DEFAULT_BUSY_TIMEOUT)
    try:
        seconds = float(cast("str", given))
    except (TypeError, ValueError):
        seconds = -1
    if not 0 <= seconds < float("inf"):
        message = f"busy_timeout is a number of seconds, not {given!r}"
        raise InvalidSetting(message)
    return seconds
