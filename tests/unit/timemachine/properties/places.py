"""Where the shop's events and read models are kept while its past is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from sqlalchemy import Connection, text

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.projections.parked_table import list_parked
from backstory.projections.read_model import ReadModel
from backstory.stores.open import open_store
from tests.unit.projections.members import steady_clock
from tests.unit.timemachine.properties.reference import Happened, Truth, rows_of
from tests.unit.timemachine.properties.rich import APPLICATION, metadata

_OURS: Final = ("backstory_checkpoint", "backstory_lease", "backstory_parked")


class Places:
    """Stores and read models by the name of their engine; *databases* are those on servers."""

    def __init__(self, folder: str, databases: Mapping[str, str]) -> None:
        """Keep files in *folder*."""
        self._folder = folder
        self._databases = databases
        self._numbers = count(1)

    @asynccontextmanager
    async def store_of(self, happened: Sequence[Happened], engine: str) -> AsyncIterator[Stored]:
        """Give a store of what *happened*, on *engine*."""
        number = next(self._numbers)
        if engine == "sqlite":
            url = f"sqlite:///{self._folder}/events-{number}.db"
        else:
            url = f"{self._databases[engine]}?schema=events_{number}"
        store = await open_store(url, clock=steady_clock())
        try:
            for what in happened:
                await store.append(what.stream, [what.stored])
            yield Stored(store, await store.read(Read()))
        finally:
            await store.close()

    @asynccontextmanager
    async def models(self, engine: str) -> AsyncIterator[Models]:
        """Give what makes empty read models on *engine*, one after the other."""
        models = Models(self._databases.get(engine))
        try:
            yield models
        finally:
            await models.close()


class Stored:
    """A store, and what it recorded."""

    def __init__(self, store: EventStore, recorded: Sequence[RecordedEvent]) -> None:
        """Take both."""
        self.store = store
        self.recorded = recorded


class Models:
    """Read models on one engine, one at a time: each is gone when the next one is asked for.

    On a server it is one database, emptied each time: making one takes too long.
    """

    def __init__(self, url: str | None) -> None:
        """Make them at *url*; None: in memory."""
        self._url = url
        self._model: ReadModel | None = None

    async def empty(self) -> ReadModel:
        """Return an empty one."""
        if self._url is None:
            await self.close()
            self._model = await ReadModel.open("memory:")
        elif self._model is None:
            self._model = await ReadModel.open(self._url)
            for projection in APPLICATION.projections:
                await self._model.prepare(projection)
        if self._url is not None:
            await asyncio.to_thread(self._model.write, _clear)
        return self._model

    async def close(self) -> None:
        """Let go of the one there is."""
        if self._model is not None:
            await self._model.close()
            self._model = None


def _clear(connection: Connection) -> None:
    names = ", ".join(f'eventsourcing."{table.name}"' for table in metadata.sorted_tables)
    ours = ", ".join(f"eventsourcing.{name}" for name in _OURS)
    connection.execute(text(f"TRUNCATE {names}, {ours} RESTART IDENTITY CASCADE"))


async def assert_true(model: ReadModel, truth: Truth, until: int) -> None:
    """Assert that *model* holds exactly what there ought to be at position *until*."""
    rows = await model.ask(rows_of)
    assert {name: rows[name] for name in truth.rows} == truth.rows
    for name, parked in truth.parked.items():
        found = await list_parked(model, name, limit=99)
        assert [(one.position, one.stream, one.attempts) for one in found] == list(parked)
    for name, place in truth.places.items():
        checkpoint = await model.checkpoint(name)
        assert place.allows(checkpoint, until), (name, checkpoint, place, until)
