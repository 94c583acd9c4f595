"""Read models as earlier versions left them are brought up to date, and go on.

`old/version-N.db` is a SQLite file that was written by the Backstory of that version, and is never
made anew: it proves what people have on their disks.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, create_engine, inspect, text, update

from backstory.core.errors import ReadModelVersionUnsupported
from backstory.projections.migrating import VERSION
from backstory.projections.parked import ParkedEvents
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import metadata, schema_table
from backstory.projections.workers import Workers
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    Noted,
    Renamed,
    append,
    join_all,
    members_projection,
    names_of,
    schema,
    worker_of,
)

OLD: Final = Path(__file__).parent / "old"


_VERSION_1: Final = """
CREATE TABLE backstory_checkpoint (
    projection VARCHAR(200) PRIMARY KEY,
    position BIGINT NOT NULL,
    updated_at {moment} NOT NULL
);
CREATE TABLE backstory_parked (
    projection VARCHAR(200),
    position BIGINT,
    event_id VARCHAR(36) NOT NULL,
    stream TEXT NOT NULL,
    revision BIGINT NOT NULL,
    type TEXT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    parked_at {moment} NOT NULL,
    PRIMARY KEY (projection, position)
);
CREATE INDEX backstory_parked_stream ON backstory_parked (projection, stream, position);
INSERT INTO backstory_checkpoint VALUES ('members', 6, '2026-01-02 03:04:05.678901Z')
"""


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[ReadModel]:
    """Open a copy of the file of version 1, with six events applied and two of them parked."""
    shutil.copy(OLD / "version-1.db", tmp_path / "read.db")
    model = await ReadModel.open(f"sqlite:///{tmp_path}/read.db")
    yield model
    await model.close()


async def _history(store: MemoryStore) -> None:
    await join_all(store, ["ann", "bob", "cid"])
    await append(store, "note-1", Noted("bad"), Noted("behind"))
    await append(store, "member-ann", Renamed("ann", "Ann B."))


async def test_an_old_read_model_goes_on_where_it_ended(old: ReadModel, store: MemoryStore) -> None:
    """Positions, rows and parked events are those of the old file; nothing is applied again."""
    assert await old.checkpoint("members") == 6
    assert await names_of(old) == ["ann", "bob", "cid"]
    await _history(store)
    await join_all(store, ["dan"])
    worker = worker_of(store, old)
    assert await worker.catch_up() == 7
    assert worker.status.parked == 2
    assert await names_of(old) == ["ann", "bob", "cid", "dan"]
    parked = ParkedEvents(members_projection(), schema=schema, store=store, read_model=old)
    assert [event.position for event in await parked.list()] == [4, 5]
    assert await parked.purge() == 2


async def test_an_old_read_model_can_be_shared_by_leases(
    old: ReadModel, store: MemoryStore
) -> None:
    """A migrated projection has all that a new one has."""
    await _history(store)
    position = await join_all(store, ["dan"])
    workers = Workers([members_projection()], schema=schema, store=store, read_model=old)
    running = asyncio.create_task(workers.run())
    await old.wait_for("members", position, timeout=5)
    await workers.stop()
    await running
    assert await names_of(old) == ["ann", "bob", "cid", "dan"]


async def test_a_migrated_file_has_the_tables_of_a_new_one(old: ReadModel, tmp_path: Path) -> None:
    """Nobody has to know how old a read model is."""
    new = await ReadModel.open(f"sqlite:///{tmp_path}/new.db")
    assert await asyncio.to_thread(old.write, _shape) == await asyncio.to_thread(new.write, _shape)
    await new.close()


def _shape(connection: Connection) -> dict[str, object]:
    found = inspect(connection)
    return {
        name: (
            {column["name"]: str(column["type"]) for column in found.get_columns(name)},
            found.get_pk_constraint(name)["constrained_columns"],
            [index["column_names"] for index in found.get_indexes(name)],
        )
        for name in metadata.tables
    }


async def test_version_1_is_brought_up_to_date_on_every_database(
    read_model_url: str, store: MemoryStore
) -> None:
    """The steps are those of the tables, whatever database they are in."""
    model = await ReadModel.open(read_model_url)
    await _history(store)
    await asyncio.to_thread(model.write, _make_version_1)
    await model.close()
    model = await ReadModel.open(read_model_url)
    assert await model.checkpoint("members") == 6
    await model.prepare(members_projection())
    await join_all(store, ["dan"])
    await worker_of(store, model).catch_up()
    assert await names_of(model) == ["dan"]
    await model.close()


def _make_version_1(connection: Connection) -> None:
    moment = "TEXT" if connection.dialect.name == "sqlite" else "TIMESTAMPTZ"
    for name in metadata.tables:
        connection.execute(text(f"DROP TABLE {name}"))
    for statement in _VERSION_1.format(moment=moment).split(";"):
        connection.execute(text(statement))


async def test_a_read_model_of_a_newer_version_is_refused_and_left_alone(
    read_model_url: str,
) -> None:
    """An old program must not write into tables that it does not understand."""
    model = await ReadModel.open(read_model_url)
    newer = update(schema_table).values(version=VERSION + 1)
    await asyncio.to_thread(model.write, lambda connection: connection.execute(newer).rowcount)
    with pytest.raises(ReadModelVersionUnsupported) as caught:
        await ReadModel.open(read_model_url)
    assert (caught.value.found, caught.value.supported) == (VERSION + 1, VERSION)
    await model.close()


async def test_processes_that_open_an_old_read_model_at_once_migrate_it_once(
    tmp_path: Path,
) -> None:
    """A deployment starts several; one does the work, the others find it done."""
    shutil.copy(OLD / "version-1.db", tmp_path / "read.db")
    url = f"sqlite:///{tmp_path}/read.db"
    models = await asyncio.gather(*(ReadModel.open(url) for _ in range(8)))
    assert [await model.checkpoint("members") for model in models] == [6] * 8
    for model in models:
        await model.close()


def test_there_is_a_file_of_every_version_before_this_one() -> None:
    """Whoever writes a migration keeps a file of the version before it."""
    kept = sorted(path.name for path in OLD.iterdir())
    assert kept == [f"version-{version}.db" for version in range(1, VERSION)]


def test_the_file_of_version_1_has_no_table_of_later_versions() -> None:
    """The file above is really an old one."""
    engine = create_engine(f"sqlite:///file:{OLD}/version-1.db?mode=ro&uri=true")
    with engine.connect() as connection:
        assert not inspect(connection).has_table(schema_table.name)
    engine.dispose()
