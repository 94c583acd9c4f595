from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import DatabaseError

from backstory.core.errors import CaughtUpTimeout, InvalidSetting, ReadModelUnavailable
from backstory.projections.parked import ParkedEvents
from backstory.projections.policy import Park
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    START,
    Joined,
    append,
    join_all,
    member_table,
    members_of,
    members_projection,
    names_of,
    schema,
    worker_of,
)

by_name = select(member_table.c.id, member_table.c.name, member_table.c.joined_at).where(
    member_table.c.name == bindparam("who")
)


class Member(msgspec.Struct):
    """A row as an API would answer it."""

    number: int
    name: str
    joined_at: object


@pytest.mark.parametrize(
    "url",
    [
        "mysql://localhost/x",
        "postgresql+asyncpg://localhost/x",
        "postgresql://localhost/x?unknown=1",
        "postgresql://localhost/x?connections=1",
        "postgresql://localhost/x?connections=many",
        "postgresql://localhost/x?busy_timeout=-1",
        "postgresql://localhost/x?pooled=maybe",
        "postgresql://localhost/x?host=a&host=b",
        "postgresql://localhost:port/x",
        "nonsense",
        "",
        "sqlite:///a.db?unknown=1",
        "sqlite:///a.db?busy_timeout=soon",
        "sqlite:///a.db?busy_timeout=-1",
        "sqlite:///a.db?busy_timeout=inf",
        "sqlite:///a.db?busy_timeout=1&busy_timeout=2",
    ],
)
async def test_a_url_or_setting_it_does_not_know_is_refused(url: str) -> None:
    """A misspelt setting is an error, not a default."""
    with pytest.raises(InvalidSetting):
        await ReadModel.open(url)


async def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's is an extra; the message says how to get it, and shows no password."""
    for module in [name for name in sys.modules if name.startswith("backstory.projections.po")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InvalidSetting, match=r"pip install 'backstory\[postgres\]'"):
        await ReadModel.open("postgresql://me:secret@localhost/x")


async def test_a_place_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A missing folder, or a file that is no database, is no traceback of a driver."""
    with pytest.raises(ReadModelUnavailable, match="unable to open"):
        await ReadModel.open(f"sqlite:///{tmp_path}/missing/read.db")
    (tmp_path / "text.db").write_text("this is no database, " * 100)
    with pytest.raises(ReadModelUnavailable, match="not a database"):
        await ReadModel.open(f"sqlite:///{tmp_path}/text.db")


async def test_a_query_answers_rows_as_python_values(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Times are aware again, a row can be a value of the caller's, and no row is None."""
    await join_all(store, ["ann", "bob"])
    await worker_of(store, read_model).catch_up()
    assert await read_model.one(by_name, {"who": "bob"}) == (2, "bob", START)
    assert await read_model.one(by_name, {"who": "bob"}, into=Member) == Member(2, "bob", START)
    assert await read_model.one(by_name, {"who": "nobody"}) is None
    ordered = select(member_table.c.name).order_by(member_table.c.name)
    assert await read_model.all(ordered) == [("ann",), ("bob",)]
    assert await read_model.all(ordered, into=str) == ["ann", "bob"]


async def test_any_query_can_be_asked(store: MemoryStore, read_model: ReadModel) -> None:
    """Values inside a statement, lists, functions and plain SQL answer as in SQLAlchemy."""
    await _ask_anything(store, read_model)


async def test_any_query_can_be_asked_in_memory(store: MemoryStore) -> None:
    """A database in memory has one connection, and answers as a file does."""
    model = await ReadModel.open("memory:")
    await _ask_anything(store, model)
    await model.close()


async def _ask_anything(store: MemoryStore, model: ReadModel) -> None:
    await join_all(store, ["ann", "bob", "cid"])
    await worker_of(store, model).catch_up()
    name = member_table.c.name
    for who in ("ann", "bob"):
        assert await model.one(select(name).where(name == who)) == (who,)
    for since, count in ((START, 3), (None, 0)):
        query = select(func.count()).where(member_table.c.joined_at == since)
        assert await model.one(query) == (count,)
    assert await model.all(select(name).where(name.in_(["ann", "cid"]))) == [("ann",), ("cid",)]
    assert await model.all(select(name).where(name.in_(["bob"]))) == [("bob",)]
    assert await model.one(text("SELECT 1 + :n"), {"n": 2}) == (3,)
    assert await model.one(text("SELECT count(*) FROM member")) == (3,)
    assert await model.one(select(name.label("odd name(s)")).limit(1).offset(2)) == ("cid",)


async def test_a_query_that_is_wrong_fails_without_naming_a_driver(read_model: ReadModel) -> None:
    """The error is SQLAlchemy's on every database."""
    with pytest.raises(DatabaseError, match=r"no such table|does not exist"):
        await read_model.one(select(member_table.c.id))


async def test_reading_is_not_held_up_by_a_writer(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """While a batch is being written, readers see the state before it."""
    await join_all(store, ["ann"])
    await worker_of(store, read_model).catch_up()
    with read_model.database.writing() as connection:
        connection.execute(insert(member_table), {**_row("bob")})
        assert await names_of(read_model) == ["ann"]
        with read_model.database.engine.connect() as other:
            assert other.execute(select(func.count()).select_from(member_table)).scalar() == 1
    assert await names_of(read_model) == ["ann", "bob"]


def _row(name: str) -> dict[str, object]:
    return {
        "name": name,
        "full_name": name,
        "joined_at": START,
        "recorded_at": START,
        "renamed": 0,
    }


async def test_threads_read_side_by_side(store: MemoryStore, read_model: ReadModel) -> None:
    """A server with threads may ask from each of them."""
    await join_all(store, [f"m{n}" for n in range(20)])
    await worker_of(store, read_model).catch_up()
    barrier = threading.Barrier(4)

    def ask() -> int:
        barrier.wait()
        asked = [read_model.database.fetch(by_name, {"who": f"m{n % 20}"}) for n in range(200)]
        return sum(len(rows) for rows in asked)

    assert await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(4))) == [200] * 4


async def test_a_read_model_in_memory_serves_a_worker_and_readers_at_once(
    store: MemoryStore,
) -> None:
    """Its one connection is shared without mixing their transactions."""
    model = await ReadModel.open("memory:")
    worker = worker_of(store, model, page=3)
    running = asyncio.create_task(worker.run())
    for n in range(40):
        position = await join_all(store, [f"m{n}"])
        assert len(await names_of(model)) <= position if n else True
        await asyncio.sleep(0)
    await worker.wait_for(40, 5)
    assert await names_of(model) == [f"m{n}" for n in range(40)]
    await worker.stop()
    await running
    await model.close()


async def test_wiping_makes_it_as_if_the_projection_had_never_run(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A rebuild gives the same rows with the same numbers, and nothing stays parked."""
    for name in ("ann", "ann", "bob"):
        await append(store, f"member-{name}", Joined(name, START))
    projection = members_projection()
    rebuilt = []
    for _ in range(2):
        worker = Worker(
            projection, schema=schema, store=store, read_model=read_model, on_failure=Park()
        )
        await worker.catch_up()
        parked = ParkedEvents(projection, schema=schema, store=store, read_model=read_model)
        rebuilt.append((await members_of(read_model), len(await parked.list())))
        await read_model.wipe(projection)
        assert await names_of(read_model) == []
        assert await parked.list() == []
        assert await read_model.checkpoint("members") == 0
    assert rebuilt[0] == rebuilt[1]
    assert rebuilt[0][1] == 1


async def test_another_process_can_wait_for_the_checkpoint(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """An API without a worker of its own can still read its writes."""
    await read_model.prepare(members_projection())
    await join_all(store, ["ann"])
    waiting = asyncio.create_task(read_model.wait_for("members", 1, timeout=5))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await worker_of(store, read_model).catch_up()
    await waiting
    with pytest.raises(CaughtUpTimeout, match="at position 1, not yet at 2"):
        await read_model.wait_for("members", 2, timeout=0.01)


async def test_preparing_twice_changes_nothing(store: MemoryStore, read_model: ReadModel) -> None:
    """Every start prepares; the rows and the checkpoint stay."""
    assert await read_model.checkpoint("members") == 0
    await join_all(store, ["ann"])
    await worker_of(store, read_model).catch_up()
    assert await read_model.prepare(members_projection()) == 1
    assert await names_of(read_model) == ["ann"]


async def test_two_processes_may_prepare_at_once(tmp_path: Path) -> None:
    """The one that comes second finds what the first one made."""
    url = f"sqlite:///{tmp_path}/read.db"
    models = await asyncio.gather(*(ReadModel.open(url) for _ in range(4)))
    await asyncio.gather(*(model.prepare(members_projection()) for model in models))
    await asyncio.gather(*(model.close() for model in models))
    await models[0].close()
