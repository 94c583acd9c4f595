"""The database of read models on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    QueuePool,
    RootTransaction,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from backstory.projections import lookup as lookups
from backstory.projections.database import Schemas, Values
from backstory.projections.lookup import Lookup
from backstory.projections.postgres.errors import forget_values, is_outdated, is_unavailable
from backstory.projections.postgres.names import checked_schema, quoted
from backstory.projections.postgres.reading import Reader
from backstory.projections.postgres.settings import PostgresSettings, settings_in

_PREPARE_AFTER: Final = 5
_AS_IT_IS: Final = {"no_parameters": True}
"""For SQL that may hold a percent sign, and several statements."""

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"

_lock_tables = text("SELECT pg_advisory_xact_lock(hashtextextended('backstory ' || :name, 0))")
_find_schema = text("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = :name")

_ONE_STATE: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresDatabase:
    """A schema of a PostgreSQL database.

    Tables that name no schema are in it, ours and the projections'. It is the first in the search
    path, so that SQL written by hand finds them, too.
    """

    def __init__(self, url: URL, schema: str) -> None:
        """Take `postgresql://…`; connects when it is used first. Raises `InvalidSetting`."""
        self._url = url
        settings, url = settings_in(url)
        self._schema = checked_schema(schema)
        schemas: Schemas = {None: schema}
        engine = _create_engine(url, settings)
        self._engine = engine.execution_options(schema_translate_map=schemas)
        # One connection is left for the writer, however many read.
        self._reader = Reader(self._engine, schemas, threads=settings.connections - 1)
        self._begin = _BEGIN
        if settings.pooled:
            self._begin = "; ".join([_BEGIN, *_set_up(settings, schema, local=True)])
        else:
            self._session = "; ".join(_set_up(settings, schema, local=False))
            event.listen(engine, "connect", self._set_session_up)
        event.listen(self._engine, "begin", self._set_transaction_up)

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return self._engine

    @property
    def schema(self) -> str:
        """Return the name of the schema."""
        return self._schema

    def beside(self, name: str) -> PostgresDatabase:
        """Return the schema *name* of the same database, with connections of its own."""
        return PostgresDatabase(self._url, name)

    def _set_session_up(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(self._session)
        cursor.close()

    def _set_transaction_up(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._begin, execution_options=_AS_IT_IS)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction at READ COMMITTED."""
        with self._cleanly():
            connection, transaction = self._begun()
            with connection:
                try:
                    yield connection
                    transaction.commit()
                except BaseException as error:
                    if _is_broken(connection) or is_outdated(error):
                        connection.invalidate()
                    transaction.rollback()
                    raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction at REPEATABLE READ that may only read."""
        with self._cleanly():
            connection, transaction = self._begun()
            with connection, transaction:
                connection.exec_driver_sql(_ONE_STATE)
                yield connection

    def _begun(self) -> tuple[Connection, RootTransaction]:
        connection = self._engine.connect()
        try:
            return connection, connection.begin()
        except DBAPIError as error:
            connection.close()
            if not error.connection_invalidated:
                raise
        # It broke while it lay in the pool. Nothing was begun, so this may be tried again.
        connection = self._engine.connect()
        try:
            return connection, connection.begin()
        except BaseException:
            connection.close()
            raise

    @contextmanager
    def _cleanly(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            forget_values(error)
            raise

    def prepare(self, connection: Connection) -> None:
        """Create the schema when it is missing, and keep others from creating tables meanwhile."""
        connection.execute(_lock_tables, {"name": self._schema})
        # Asked first: to create one that is there needs the right to create one.
        if connection.execute(_find_schema, {"name": self._schema}).first() is None:
            sql = f"CREATE SCHEMA {quoted(self._schema)}"
            connection.exec_driver_sql(sql, execution_options=_AS_IT_IS)

    def fetch(self, statement: Executable, parameters: Mapping[str, object]) -> Sequence[Values]:
        """Return all rows of a query."""
        return self._reader.fetch(statement, parameters)

    async def read(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        """Return all rows of a query, asked in a thread."""
        return await self._reader.read(statement, parameters)

    async def find(self, lookup: Lookup, keys: Sequence[object]) -> Sequence[Values]:
        """Return the rows of *keys*, with one query for any number of them."""
        return await self._reader.read(lookup.of_many, lookups.many(keys))

    def is_unavailable(self, error: BaseException) -> bool:
        """Say whether *error* is the state of the server or the network, and not the statement."""
        return is_unavailable(error)

    def close(self) -> None:
        """Close every connection, after the reads under way."""
        self._reader.close()
        self._engine.dispose()


def _create_engine(url: URL, settings: PostgresSettings) -> Engine:
    return create_engine(
        url,
        # An error must not carry personal data into logs and parked events.
        hide_parameters=True,
        # We begin transactions ourselves, with their settings, in one message.
        isolation_level="AUTOCOMMIT",
        paramstyle="format",
        poolclass=QueuePool,
        pool_size=settings.connections,
        max_overflow=0,
        pool_timeout=settings.connect_timeout,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": settings.connect_timeout,
            "prepare_threshold": None if settings.pooled else _PREPARE_AFTER,
        },
    )


def _set_up(settings: PostgresSettings, schema: str, *, local: bool) -> Iterator[str]:
    """Yield what makes a session, or one transaction of it, the same on every server."""
    given = {
        "lock_timeout": f"{settings.busy_timeout * 1000:.0f}",
        "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",
        # A time without a zone must not come to another moment on another server.
        "timezone": "'UTC'",
        "datestyle": "'ISO, MDY'",
        "intervalstyle": "'postgres'",
    }
    for name, value in given.items():
        yield f"SET {'LOCAL' if local else 'SESSION'} {name} = {value}"
    ours = "'" + quoted(schema).replace("'", "''") + "'"
    theirs = "nullif(current_setting('search_path'), '')"
    path = f"concat_ws(', ', {ours}, {theirs})"
    yield f"SELECT set_config('search_path', {path}, {str(local).lower()})"


def _is_broken(connection: Connection) -> bool:
    if connection.invalidated:
        return False
    driver = connection.connection.dbapi_connection
    return driver is not None and bool(getattr(driver, "broken", False))
