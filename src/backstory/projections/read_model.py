"""A read model: the database that projections write and applications read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast, overload
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Executable, Table, delete

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import CaughtUpTimeout, ReadModelUnavailable
from backstory.projections.checkpoint import (
    reset_checkpoint,
    smallest_position,
    start_checkpoint,
)
from backstory.projections.database import Database, Values
from backstory.projections.lookup import Gathering, Lookup
from backstory.projections.migrating import create_own_tables
from backstory.projections.opening import open_database
from backstory.projections.projection import Projection
from backstory.projections.tables import create_tables, drop_tables, parked_table

T = TypeVar("T")

_NO_PARAMETERS: Mapping[str, object] = MappingProxyType({})
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
        self._gatherings: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Lookup, Gathering]] = (
            WeakKeyDictionary()
        )

    @classmethod
    async def open(
        cls, url: str, *, schema: str = "eventsourcing", clock: Clock = system_clock
    ) -> ReadModel:
        """Return the read model at *url*, with our own tables in it.

        - `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` is one SQLite file;
          `?busy_timeout=5` gives the seconds to wait for another process's lock;
        - `postgresql://user:password@host/database` is a schema there, created when missing;
          settings as in `PostgresSettings`, and those of PostgreSQL's own library;
        - `memory:` is a database in memory, for tests and replays.

        *schema* names the schema of tables that name none; SQLite has no schemas.
        Raises `InvalidSetting` for another URL, `ReadModelUnavailable` when it cannot be opened.
        """
        return await cls.on(open_database(url, schema), clock=clock)

    @classmethod
    async def on(cls, database: Database, *, clock: Clock = system_clock) -> ReadModel:
        """Return the read model in *database*, with our own tables in it; it closes the database.

        Raises `ReadModelUnavailable`, and `ReadModelVersionUnsupported`.
        """
        model = cls(database, clock=clock)
        try:
            await asyncio.to_thread(model.write, lambda connection: model._create(connection, ()))
        except BaseException:
            database.close()
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
        with self._unavailability(), self._database.writing() as connection:
            return work(connection)

    async def ask(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* reads, in one transaction that sees one state and cannot change it.

        It runs in a thread. Raises `ReadModelUnavailable`, and whatever *work* raises.
        """
        return await asyncio.to_thread(self._ask, work)

    def _ask(self, work: Callable[[Connection], T]) -> T:
        with self._unavailability(), self._database.reading() as connection:
            return work(connection)

    @contextmanager
    def _unavailability(self) -> Iterator[None]:
        """Raise `ReadModelUnavailable` for an error that is, or comes of, the database's state."""
        try:
            yield
        except Exception as error:
            for reason in (error, error.__cause__):
                if reason is not None and self._database.is_unavailable(reason):
                    raise ReadModelUnavailable(_in_words(reason)) from error
            raise

    async def prepare(self, projection: Projection) -> int:
        """Create what *projection* needs and is not there yet; return its checkpoint."""
        return await asyncio.to_thread(self.prepare_now, projection)

    def prepare_now(self, projection: Projection) -> int:
        """Do what `prepare` does, in the calling thread."""

        def work(connection: Connection) -> int:
            self._create(connection, projection.tables)
            name, partitions = projection.name, projection.partitions
            return start_checkpoint(connection, name, partitions, self._clock())

        return self.write(work)

    def _create(self, connection: Connection, tables: Sequence[Table]) -> None:
        self._database.prepare(connection)
        create_own_tables(connection)
        create_tables(connection, tables)

    async def wipe(self, projection: Projection) -> None:
        """Make *projection* as if it had never run: empty tables, nothing parked, checkpoint 0.

        The tables are dropped and created, so numbers given to rows begin again, and a changed
        table takes its new shape. A worker that still runs on it raises `CheckpointMoved`.
        """

        def work(connection: Connection) -> None:
            self._database.prepare(connection)
            # The checkpoints first: whoever applies a batch holds one and wants the tables next.
            name, partitions = projection.name, projection.partitions
            reset_checkpoint(connection, name, partitions, self._clock())
            drop_tables(connection, projection.tables)
            self._create(connection, projection.tables)
            mine = parked_table.c.projection == name
            connection.execute(delete(parked_table).where(mine))

        await asyncio.to_thread(self.write, work)

    async def checkpoint(self, name: str) -> int:
        """Return the position projection *name* has applied, 0 when it never ran.

        With several partitions it is what all of them have applied.
        """
        row = await self.one(smallest_position, {"name": name})
        return 0 if row is None or row[0] is None else cast("int", row[0])

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

    @overload
    async def find(self, lookup: Lookup, key: object) -> Values | None: ...
    @overload
    async def find(self, lookup: Lookup, key: object, *, into: Callable[..., T]) -> T | None: ...
    async def find(
        self, lookup: Lookup, key: object, *, into: Callable[..., T] | None = None
    ) -> T | Values | None:
        """Return the row of *key*, None without one; `into(*columns)` makes it a value.

        Callers of the same *lookup* in one event loop share queries: under load this answers
        several times as many as `one`. Each answer is read after it was asked for. Raises
        `ReadModelUnavailable`.
        """
        gatherings = self._gatherings.setdefault(asyncio.get_running_loop(), {})
        gathering = gatherings.get(lookup)
        if gathering is None:
            gathering = gatherings[lookup] = Gathering(lookup, partial(self._find, lookup))
        row = await gathering.find(key)
        return row if row is None or into is None else into(*row)

    async def _find(self, lookup: Lookup, keys: Sequence[object]) -> Sequence[Values]:
        with self._unavailability():
            return await self._database.find(lookup, keys)

    async def _fetch(
        self, statement: Executable, parameters: Mapping[str, object]
    ) -> Sequence[Values]:
        with self._unavailability():
            return await self._database.read(statement, parameters)

    async def close(self) -> None:
        """Let go of the database; closing twice is allowed. Stop workers before."""
        await asyncio.to_thread(self._database.close)


def _in_words(reason: BaseException) -> str:
    said = str(getattr(reason, "orig", None) or reason).rstrip(".? ")
    return (
        f"the read model's database cannot be used now: {said}. Nothing was applied; see to the "
        "server, locks, disk space and access rights, then start again."
    )
