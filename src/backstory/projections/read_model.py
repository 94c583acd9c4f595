"""A read model: the database that projections write and applications read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar, cast, overload

from sqlalchemy import Connection, Executable, bindparam, delete, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import CaughtUpTimeout, InvalidSetting, ReadModelUnavailable
from backstory.projections.checkpoint import drop_checkpoint, start_checkpoint
from backstory.projections.database import Database, Values
from backstory.projections.projection import Projection
from backstory.projections.sqlite import SqliteDatabase
from backstory.projections.tables import checkpoint_table, create_tables, drop_tables, parked_table

T = TypeVar("T")

_NO_PARAMETERS: Mapping[str, object] = MappingProxyType({})
_position_of = select(checkpoint_table.c.position).where(
    checkpoint_table.c.projection == bindparam("name")
)
_POLL = 0.005


class ReadModel:
    """The tables of some projections in one database, with their checkpoints.

    Open one with `ReadModel.open(url)` and close it when done. Several processes may open the
    same one.
    """

    def __init__(self, database: Database, *, clock: Clock = system_clock) -> None:
        """Take an open *database*; users call `ReadModel.open`."""
        self._database = database
        self._clock = clock

    @classmethod
    async def open(
        cls, url: str, *, schema: str = "eventsourcing", clock: Clock = system_clock
    ) -> ReadModel:
        """Return the read model at *url*, with our own tables in it.

        - `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` is one SQLite file;
          `?busy_timeout=5` gives the seconds to wait for another process's lock;
        - `memory:` is a database in memory, for tests and replays.

        *schema* names the schema of the tables where the database has schemas; SQLite has none.
        Raises `InvalidSetting` for another URL, `ReadModelUnavailable` when it cannot be opened.
        """
        model = cls(_open_database(url, schema), clock=clock)
        try:
            await asyncio.to_thread(model.write, lambda connection: create_tables(connection, ()))
        except BaseException:
            model._database.close()
            raise
        return model

    @property
    def clock(self) -> Clock:
        """Return the clock that gives the times in our own tables."""
        return self._clock

    @property
    def database(self) -> Database:
        """Return the database; its `engine` is SQLAlchemy's, for whatever else is needed."""
        return self._database

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in one writing transaction, in the calling thread, and return its result.

        Raises `ReadModelUnavailable` when the database is locked, full or gone; nothing was
        written then.
        """
        try:
            with self._database.writing() as connection:
                return work(connection)
        except Exception as error:
            unavailable = self._unavailable(error)
            if unavailable is None:
                raise
            raise unavailable from error

    def _unavailable(self, error: Exception) -> ReadModelUnavailable | None:
        """Return what to raise when *error*, or its cause, is the state of the database."""
        for reason in (error, error.__cause__):
            if reason is not None and self._database.is_unavailable(reason):
                return ReadModelUnavailable(
                    "the read model's database cannot be used now: "
                    f"{getattr(reason, 'orig', None) or reason}. Nothing was applied; see to "
                    "locks, disk space and access rights, then start again."
                )
        return None

    async def prepare(self, projection: Projection) -> int:
        """Create what *projection* needs and is not there yet; return its checkpoint."""
        return await asyncio.to_thread(self.prepare_now, projection)

    def prepare_now(self, projection: Projection) -> int:
        """Do what `prepare` does, in the calling thread."""

        def work(connection: Connection) -> int:
            create_tables(connection, projection.tables)
            return start_checkpoint(connection, projection.name, self._clock())

        return self.write(work)

    async def wipe(self, projection: Projection) -> None:
        """Make *projection* as if it had never run: empty tables, nothing parked, checkpoint 0.

        The tables are dropped and created, so numbers given to rows begin again, and a changed
        table takes its new shape. A worker that still runs on it raises `CheckpointMoved`.
        """

        def work(connection: Connection) -> None:
            drop_tables(connection, projection.tables)
            create_tables(connection, projection.tables)
            mine = parked_table.c.projection == projection.name
            connection.execute(delete(parked_table).where(mine))
            drop_checkpoint(connection, projection.name)
            start_checkpoint(connection, projection.name, self._clock())

        await asyncio.to_thread(self.write, work)

    async def checkpoint(self, name: str) -> int:
        """Return the position projection *name* has applied, 0 when it never ran."""
        row = await self.one(_position_of, {"name": name})
        return 0 if row is None else cast("int", row[0])

    async def wait_for(self, name: str, position: int, *, timeout: float) -> None:  # noqa: ASYNC109 - what callers mean
        """Return as soon as projection *name* has applied *position*, whichever process runs it.

        Looks every few milliseconds; where the worker is at hand, `Worker.wait_for` is quicker.
        Raises `CaughtUpTimeout` after *timeout* seconds.
        """
        end = time.monotonic() + timeout
        while (reached := await self.checkpoint(name)) < position:
            if time.monotonic() >= end:
                raise CaughtUpTimeout(wanted=position, reached=reached, seconds=timeout)
            await asyncio.sleep(_POLL)

    @overload
    async def one(
        self, statement: Executable, parameters: Mapping[str, object] = ...
    ) -> Values | None: ...
    @overload
    async def one(
        self,
        statement: Executable,
        parameters: Mapping[str, object] = ...,
        *,
        into: Callable[..., T],
    ) -> T | None: ...
    async def one(
        self,
        statement: Executable,
        parameters: Mapping[str, object] = _NO_PARAMETERS,
        *,
        into: Callable[..., T] | None = None,
    ) -> T | Values | None:
        """Return the first row of a query, None without one; `into(*columns)` makes it a value.

        Hold *statement* in a constant: it is compiled once. SQLite answers at once, in the
        calling thread (a point read of a local file takes some microseconds and waits for no
        writer); a database behind a network is asked in a thread. Raises `ReadModelUnavailable`.
        """
        rows = await self._fetch(statement, parameters)
        if not rows:
            return None
        return rows[0] if into is None else into(*rows[0])

    @overload
    async def all(
        self, statement: Executable, parameters: Mapping[str, object] = ...
    ) -> Sequence[Values]: ...
    @overload
    async def all(
        self,
        statement: Executable,
        parameters: Mapping[str, object] = ...,
        *,
        into: Callable[..., T],
    ) -> Sequence[T]: ...
    async def all(
        self,
        statement: Executable,
        parameters: Mapping[str, object] = _NO_PARAMETERS,
        *,
        into: Callable[..., T] | None = None,
    ) -> Sequence[T] | Sequence[Values]:
        """Return every row of a query, as `one` does; give the query a LIMIT."""
        rows = await self._fetch(statement, parameters)
        return rows if into is None else [into(*row) for row in rows]

    async def _fetch(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        fetch = self._database.fetch
        try:
            if self._database.reads_at_once:
                return fetch(statement, parameters)
            return await asyncio.to_thread(fetch, statement, parameters)
        except Exception as error:
            unavailable = self._unavailable(error)
            if unavailable is None:
                raise
            raise unavailable from error

    async def close(self) -> None:
        """Let go of the database; closing twice is allowed. Stop workers before."""
        await asyncio.to_thread(self._database.close)


def _open_database(url: str, schema: str) -> Database:  # noqa: ARG001 - for databases that have schemas
    if url.rstrip("/") == "memory:":
        url = "sqlite://"
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite":
        scheme = url.partition(":")[0]
        message = f"no read model speaks {scheme!r}: use sqlite:///file.db or memory:"
        raise InvalidSetting(message)
    return SqliteDatabase(parsed)
