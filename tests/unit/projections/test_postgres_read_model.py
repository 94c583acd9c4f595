from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    insert,
    select,
    text,
)

from backstory.core.errors import HandlerFailed, InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS
from tests.unit.projections.members import (
    Noted,
    append,
    join_all,
    members_projection,
    names_of,
    schema,
    worker_of,
)

HOSTILE = [
    "User",
    "select",
    'a"b',
    "a'b",
    "a;DROP SCHEMA public;--",
    "100%",
    "%s %(name)s :name {name}",
    "with space",
    "ünïcödé 𝄞",
    "a\\b",
    "back`tick",
    "__[SCHEMA__none]",
    "ö" * 31 + "x",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_schema_of_any_name_is_created_and_used(
    store: MemoryStore, postgres: Server, name: str
) -> None:
    """The name is the user's, and never a piece of SQL."""
    url = postgres.create()
    model = await ReadModel.open(url, schema=name)
    await join_all(store, [f"m{n:02}" for n in range(60)])
    await worker_of(store, model).catch_up()
    assert len(await names_of(model)) == 60
    assert await model.checkpoint("members") == 60
    await model.close()
    there = postgres.execute("SELECT DISTINCT schemaname FROM pg_stat_user_tables", name_of(url))
    assert there == [(name,)]


@pytest.mark.parametrize("name", ["", "pg_mine", "a\0b", "x" * 64, "ö" * 32])
async def test_a_name_that_no_schema_can_have_is_refused(postgres_url: str, name: str) -> None:
    """PostgreSQL cuts long names off, and two schemas would become one."""
    with pytest.raises(InvalidSetting, match="schema"):
        await ReadModel.open(postgres_url, schema=name)


async def test_two_schemas_of_one_database_share_nothing(
    store: MemoryStore, postgres_url: str
) -> None:
    """Two services, or an old and a new read model, may live side by side."""
    one, two = [await ReadModel.open(postgres_url, schema=name) for name in ("one", "two")]
    await join_all(store, ["ann"])
    await worker_of(store, one).catch_up()
    assert await two.checkpoint("members") == 0
    await two.prepare(members_projection())
    assert (await names_of(one), await names_of(two)) == (["ann"], [])
    await one.close()
    await two.close()


async def test_tables_that_name_a_schema_are_left_where_they_say(
    store: MemoryStore, postgres: Server, postgres_url: str
) -> None:
    """Only what names no schema is put into the read model's."""
    postgres.execute("CREATE SCHEMA shared", name_of(postgres_url))
    table = Table("note", MetaData(), Column("text", String(9)), schema="shared")
    notes = Projection("notes", tables=[table])

    @notes.on(Noted)
    def noted(event: Noted, _recorded: RecordedEvent) -> Iterator[Write]:
        yield insert(table), {"text": event.text}

    model = await ReadModel.open(postgres_url)
    await append(store, "note-1", *(Noted(f"n{n}") for n in range(50)))
    await Worker(notes, schema=schema, store=store, read_model=model).catch_up()
    assert len(await model.all(select(table))) == 50
    assert postgres.execute("SELECT count(*) FROM shared.note", name_of(postgres_url)) == [(50,)]
    await model.close()


async def test_sql_written_by_hand_finds_the_tables(store: MemoryStore, postgres_url: str) -> None:
    """The schema is the first one looked in, in handlers and in queries."""
    projection = members_projection()

    @projection.on(Noted, reads=True)
    def noted(event: Noted, _recorded: RecordedEvent, connection: Connection) -> None:
        connection.execute(
            text("UPDATE member SET full_name = :full_name"), {"full_name": event.text}
        )

    model = await ReadModel.open(postgres_url)
    await join_all(store, ["ann"])
    await append(store, "note-1", Noted("100%"))
    await worker_of(store, model, projection).catch_up()
    assert await model.all(text("SELECT full_name FROM member")) == [("100%",)]
    await model.close()


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_many_may_open_an_empty_database_at_once(
    store: MemoryStore, postgres: Server
) -> None:
    """Instances started together: one creates schema and tables, the others wait and find them."""
    url = postgres.create()

    async def start() -> ReadModel:
        model = await ReadModel.open(url)
        await model.prepare(members_projection())
        return model

    models = await asyncio.gather(*(start() for _ in range(8)))
    await join_all(store, ["ann"])
    await worker_of(store, models[0]).catch_up()
    assert [await names_of(model) for model in models] == [["ann"]] * 8
    for model in models:
        await model.close()


@pytest.fixture
async def numbered(postgres_url: str) -> AsyncIterator[tuple[ReadModel, Projection, Table]]:
    """Give a projection whose rows the database numbers, and whose names are unique."""
    table = Table(
        "noted",
        MetaData(),
        Column("id", BigInteger, primary_key=True),
        Column("text", String(20), unique=True),
    )
    notes = Projection("notes", tables=[table])
    add = insert(table)

    @notes.on(Noted)
    def noted(event: Noted, _recorded: RecordedEvent) -> Iterator[Write]:
        yield add, {"text": event.text}

    model = await ReadModel.open(postgres_url)
    yield model, notes, table
    await model.close()


async def test_rows_are_numbered_in_the_order_of_the_events(
    store: MemoryStore, numbered: tuple[ReadModel, Projection, Table]
) -> None:
    """From 1 and without gaps, whatever the size of the batches."""
    model, notes, table = numbered
    written = 0
    for count in (1, 2, 39, 40, 41, 500):
        await append(store, "note-1", *(Noted(f"n{written + n}") for n in range(count)))
        written += count
        await Worker(notes, schema=schema, store=store, read_model=model).catch_up()
    found = await model.all(select(table).order_by(table.c.id))
    assert found == [(n + 1, f"n{n}") for n in range(written)]


async def test_the_guilty_event_of_a_bulk_is_named(
    store: MemoryStore, numbered: tuple[ReadModel, Projection, Table]
) -> None:
    """One bad row spoils the copying of a thousand; the thousand before it are applied."""
    model, notes, table = numbered
    texts = [f"n{n}" for n in range(300)]
    texts[200] = "n7"
    await append(store, "note-1", *map(Noted, texts))
    worker = Worker(notes, schema=schema, store=store, read_model=model)
    with pytest.raises(HandlerFailed, match="unique constraint") as caught:
        await worker.catch_up()
    assert caught.value.place == "'note-1' revision 200, position 201"
    assert [row[1] for row in await model.all(select(table).order_by(table.c.id))] == texts[:200]
    assert await model.checkpoint("notes") == 200


async def test_behind_a_pooler_nothing_is_left_in_the_session(
    store: MemoryStore, postgres_url: str
) -> None:
    """Its sessions serve others next: no prepared statement and no setting may stay in them."""
    model = await ReadModel.open(f"{postgres_url}?pooled=on&connections=2&busy_timeout=7")
    await join_all(store, [f"m{n}" for n in range(100)])
    await worker_of(store, model, page=7).catch_up()
    for _ in range(20):
        assert await model.checkpoint("members") == 100
    found = await model.one(
        text(
            "SELECT current_setting('lock_timeout'), current_setting('timezone'), "
            "(SELECT count(*) FROM pg_prepared_statements)"
        )
    )
    assert found == ("7s", "UTC", 0)  # asked in a transaction, which has them
    raw = model.database.engine.raw_connection()
    left = raw.cursor()
    left.execute("SELECT current_setting('lock_timeout'), current_setting('search_path')")
    assert left.fetchall() == [("0", '"$user", public')]
    raw.close()
    await model.close()


async def test_times_mean_the_same_whatever_the_server_is_set_to(postgres_url: str) -> None:
    """The server of these tests is far from UTC; a time without a zone is still UTC's."""
    model = await ReadModel.open(postgres_url)
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    query = text("SELECT TIMESTAMP '2026-01-02 12:00' = CAST(:noon AS timestamptz)")
    assert await model.one(query, {"noon": noon}) == (True,)
    await model.close()


@pytest.mark.parametrize("value", ["a private word", "private " * 9])
async def test_a_value_that_does_not_fit_is_not_quoted(
    store: MemoryStore, postgres_url: str, value: str
) -> None:
    """PostgreSQL shows the value in its message; ours go to logs and into the parked table."""
    table = Table("fits", MetaData(), Column("n", BigInteger), Column("text", String(20)))
    notes = Projection("notes", tables=[table])

    @notes.on(Noted)
    def noted(event: Noted, _recorded: RecordedEvent) -> Iterator[Write]:
        if len(event.text) > 20:
            yield insert(table), {"text": event.text}
        else:
            yield insert(table), {"n": event.text}

    model = await ReadModel.open(postgres_url)
    await append(store, "note-1", Noted(value))
    with pytest.raises(HandlerFailed, match=r"invalid input syntax|value too long") as caught:
        await Worker(notes, schema=schema, store=store, read_model=model).catch_up()
    assert "private" not in "".join(traceback.format_exception(caught.value))
    await model.close()
