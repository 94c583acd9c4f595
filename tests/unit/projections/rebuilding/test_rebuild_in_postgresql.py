"""What hangs on tables in PostgreSQL, and who waits for whom, when they change places."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Column, Enum, Integer, MetaData, Table

from backstory.core.errors import RebuildRefused
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.rebuilding.abandoning import abandon_rebuild
from backstory.projections.rebuilding.rebuild import RebuildPolicy, Rebuilt, rebuild
from backstory.stores.memory import MemoryStore
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS
from tests.unit.projections.members import (
    Joined,
    join_all,
    members_projection,
    names_of,
    schema,
    worker_of,
)

NAMES = ["ann", "bob", "cleo"]
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'eventsourcing%' ORDER BY 1"


@pytest.fixture
async def live(store: MemoryStore, postgres_url: str) -> AsyncIterator[ReadModel]:
    """Give a read model of three members."""
    model = await ReadModel.open(postgres_url)
    await join_all(store, NAMES)
    await worker_of(store, model).catch_up()
    yield model
    await model.close()


async def rebuilt(
    store: MemoryStore,
    live: ReadModel,
    policy: RebuildPolicy = RebuildPolicy(),  # noqa: B008 - a frozen value
) -> Rebuilt:
    """Rebuild the members."""
    projection = members_projection()
    return await rebuild(projection, schema=schema, store=store, read_model=live, policy=policy)


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True)
async def test_rights_and_owner_are_those_of_the_old_tables(
    store: MemoryStore, live: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """Who could read before must not be locked out by a rebuild."""
    database = name_of(postgres_url)
    rights = (
        "SELECT relacl::text, pg_get_userbyid(relowner) FROM pg_class "
        "WHERE oid = 'eventsourcing.member'::regclass"
    )
    postgres.execute("GRANT SELECT ON eventsourcing.member TO PUBLIC", database)
    postgres.execute("GRANT UPDATE (full_name) ON eventsourcing.member TO PUBLIC", database)
    before = postgres.execute(rights, database)
    await rebuilt(store, live)
    assert postgres.execute(rights, database) == before
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'eventsourcing.member'::regclass"
    granted = postgres.execute(f"{columns} AND attacl IS NOT NULL", database)
    assert granted == [("full_name",)]
    assert postgres.execute(SCHEMAS, database) == [("eventsourcing",)]


async def test_a_view_is_neither_dropped_nor_left_with_the_old_rows(
    store: MemoryStore, live: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """It would go on to show the past, or be gone, and nobody would have said so."""
    database = name_of(postgres_url)
    postgres.execute("CREATE VIEW names AS SELECT name FROM eventsourcing.member", database)
    with pytest.raises(RebuildRefused, match=r"names hangs on eventsourcing\.member"):
        await rebuilt(store, live)
    assert postgres.execute("SELECT count(*) FROM names", database) == [(3,)]


async def test_an_index_that_people_added_is_lost_only_if_they_say_so(
    store: MemoryStore, live: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """A slow service after a rebuild is a bad surprise."""
    database = name_of(postgres_url)
    postgres.execute("CREATE INDEX quick ON eventsourcing.member (full_name)", database)
    with pytest.raises(RebuildRefused, match="index quick"):
        await rebuilt(store, live)
    assert (await rebuilt(store, live, RebuildPolicy(discard=True))).swapped


async def test_old_tables_are_kept_when_told_so(
    store: MemoryStore, live: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """To look at what was wrong with them, in peace."""
    done = await rebuilt(store, live, RebuildPolicy(keep=True))
    assert done.kept is not None
    old = done.kept.split("'")[1]
    kept = postgres.execute(f'SELECT count(*) FROM "{old}".member', name_of(postgres_url))  # noqa: S608 - named by us
    assert kept == [(3,)]
    assert await names_of(live) == NAMES


async def test_a_long_query_is_not_waited_for_with_everybody_behind(
    store: MemoryStore, live: ReadModel, postgres_url: str
) -> None:
    """The swap gives way: others read on, and it comes when the query is over."""
    async with await psycopg.AsyncConnection.connect(postgres_url) as reader:
        await reader.execute("SELECT count(*) FROM eventsourcing.member")  # holds its lock
        swapping = asyncio.ensure_future(rebuilt(store, live))
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as other:
            await other.execute("SET statement_timeout = '5s'")
            for _ in range(30):
                await other.execute("SELECT count(*) FROM eventsourcing.member")
                await asyncio.wait({swapping}, timeout=0.05)
        assert not swapping.done()
        await reader.rollback()
        assert (await swapping).swapped
    assert await names_of(live) == NAMES


async def test_a_type_with_a_name_is_refused_before_anything_is_built(
    store: MemoryStore, live: ReadModel
) -> None:
    """It would stay in the schema that is dropped, and take its column with it."""
    kind: Column[str] = Column("kind", Enum("a", "b", name="kind"))
    table = Table("kinds", MetaData(), Column("id", Integer, primary_key=True), kind)
    kinds = Projection("kinds", tables=[table])
    kinds.on(Joined)(lambda _event, _recorded: [])
    with pytest.raises(RebuildRefused, match=r"kinds\.kind needs a type"):
        await rebuild(kinds, schema=schema, store=store, read_model=live)


async def test_what_was_left_can_be_removed(
    store: MemoryStore, live: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """Disk space of a rebuild that nobody will end."""
    database = name_of(postgres_url)
    postgres.execute("CREATE VIEW names AS SELECT name FROM eventsourcing.member", database)
    with pytest.raises(RebuildRefused):
        await rebuilt(store, live)
    assert len(postgres.execute(SCHEMAS, database)) == 2
    await abandon_rebuild(members_projection(), read_model=live)
    assert postgres.execute(SCHEMAS, database) == [("eventsourcing",)]
