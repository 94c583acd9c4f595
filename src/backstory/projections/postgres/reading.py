"""Reading from PostgreSQL: one trip per query, in threads of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, cast

import psycopg
from sqlalchemy import Engine, Executable, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from backstory.projections.database import Schemas, Values
from backstory.projections.postgres.errors import forget_values, is_outdated
from backstory.projections.reading import Queries

_USED: Final = "backstory_used"
"""Marks a connection that lay in the pool before: it may have broken there."""


class Reader:
    """Runs queries on an engine's connections, outside any transaction.

    A connection that broke while it lay in the pool, or that knows a table by an older shape, is
    replaced, and the query asked again.
    """

    def __init__(self, engine: Engine, schemas: Schemas, *, threads: int) -> None:
        """Ask *engine*, which puts *schemas* in, with so many *threads*."""
        self._engine = engine
        self._queries = Queries(engine.dialect, schemas)
        event.listen(engine, "checkin", _mark)
        self._threads = ThreadPoolExecutor(threads, "backstory-read")

    async def read(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        """Return all rows of a query; the event loop goes on meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self.fetch, statement, parameters)

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Values]:
        """Return all rows of a query, asked in the calling thread."""
        try:
            found = self._queries.find(statement)
            if found is None:
                with self._engine.connect() as connection:
                    return [tuple(row) for row in connection.execute(statement, dict(parameters))]
            query, key = found
            return query.values(self._rows(query.sql, query.parameters(parameters, key)))
        except psycopg.Error as error:
            forget_values(error)
            raise DBAPIError.instance(
                str(statement), None, error, psycopg.Error, hide_parameters=True
            ) from error
        except Exception as error:
            forget_values(error)
            raise

    def _rows(self, sql: str, parameters: Sequence[object]) -> Sequence[Values]:
        while True:
            connection = self._engine.raw_connection()
            used = _USED in connection.info
            try:
                cursor = cast("psycopg.Cursor[Values]", connection.cursor())
                rows = cursor.execute(sql.encode(), parameters).fetchall()
            except psycopg.Error as error:
                driver = cast("psycopg.Connection[Values]", connection.driver_connection)
                useless = driver.broken or is_outdated(error)
                if useless:
                    connection.invalidate()
                if not (useless and used):
                    raise
            else:
                return rows
            finally:
                connection.close()

    def close(self) -> None:
        """End the threads, after the queries under way."""
        self._threads.shutdown(cancel_futures=True)


def _mark(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = True
