"""Making the tables, bringing them up to date, and refusing what is not ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Final
from urllib.parse import quote

import pytest

from backstory import EventStore, Read, open_store
from backstory.core.errors import (
    InvalidSetting,
    StoreDamaged,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersionUnsupported,
)
from backstory.stores.postgres.migrations import SCHEMA_VERSION, quoted
from backstory.stores.postgres.schema import (
    Rights,
    SchemaState,
    bring_up_to_date,
    look_at_schema,
    sql_to_bring_up_to_date,
)
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import Open, connected, some_event, with_settings

ODD_NAMES: Final = (
    'say "hello"',
    "O'Neill",
    "drop;--",
    "Größe",
    "UPPER",
    "select",
    "100%",
    ":colon",
    "a.b",
    "back\\slash",
    "$$",
)


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_a_schema_of_any_name_is_made_and_used(
    postgres: Server, opened: Open, name: str
) -> None:
    """No name is a piece of SQL, whether of a schema or of a role."""
    database = postgres.create()
    url = with_settings(database, schema=quote(name, safe=""))
    role = f"{name} of {name_of(database)}"
    store = await open_store(url)
    await bring_up_to_date(url, Rights(appenders=(role,), readers=(role,)))
    assert (await store.append("user-1", [some_event()])).position == 1
    await store.close()
    assert await (await opened(url)).head() == 1
    async with connected(url) as connection:
        schemas = await connection.fetch("SELECT nspname FROM pg_namespace")
        assert await connection.fetchval("SELECT has_schema_privilege($1, $2, 'USAGE')", role, name)
    assert name in [row["nspname"] for row in schemas]
    postgres.drop_all()
    postgres.execute(f"DROP ROLE {quoted(role)}")


async def test_two_schemas_of_one_database_are_two_stores(postgres_url: str, opened: Open) -> None:
    """Neither sees, wakes or counts on the other."""
    one = await opened(postgres_url, schema="one")
    two = await opened(postgres_url, schema="two")
    await one.append("user-1", [some_event()])
    assert (await two.append("user-1", [some_event()])).position == 1
    assert len(await one.read(Read())) == len(await two.read(Read())) == 1


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_many_may_open_an_empty_database_at_once(postgres_url: str) -> None:
    """Several instances of a service start together: the tables are made once."""
    stores = await asyncio.gather(*(open_store(postgres_url) for _ in range(8)))
    await asyncio.gather(*(store.append("user-1", [some_event()]) for store in stores))
    assert {await store.head() for store in stores} == {8}
    for store in stores:
        await store.close()


async def test_an_empty_schema_that_is_there_is_used(postgres_url: str, opened: Open) -> None:
    """An administrator may have made it, for a role that may not."""
    async with connected(postgres_url) as connection:
        await connection.execute("CREATE SCHEMA backstory")
    store = await opened(postgres_url)
    assert (await store.append("user-1", [some_event()])).position == 1


async def test_tables_of_another_program_are_refused_and_left_alone(
    postgres_url: str, opened: Open
) -> None:
    """A schema that is not ours is not written to."""
    async with connected(postgres_url) as connection:
        await connection.execute(
            "CREATE SCHEMA backstory; CREATE TABLE backstory.events (n integer)"
        )
        for attempt in (opened, look_at_schema, bring_up_to_date):
            with pytest.raises(StoreDamaged, match=r"another program.*Nothing was changed"):
                await attempt(postgres_url)
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'backstory'::regnamespace"
        )
    assert [row["relname"] for row in tables] == ["events"]


async def test_a_newer_schema_is_refused_with_both_versions(
    postgres_url: str, store: EventStore, opened: Open
) -> None:
    """What a newer release has made is neither guessed at nor touched."""
    await store.append("user-1", [some_event()])
    async with connected(postgres_url) as connection:
        await connection.execute("UPDATE backstory.store SET version = 99")
        for attempt in (opened, look_at_schema, bring_up_to_date):
            with pytest.raises(StoreVersionUnsupported, match=r"version 99.*Upgrade") as raised:
                await attempt(postgres_url)
            assert (raised.value.found, raised.value.supported) == (99, SCHEMA_VERSION)
        assert await connection.fetchval("SELECT version FROM backstory.store") == 99


@pytest.mark.parametrize("mode", ["ro", "rw"])
async def test_missing_tables_are_not_made_unless_asked(
    postgres_url: str, opened: Open, mode: str
) -> None:
    """`mode=ro` and `mode=rw` need a store that is there, and name what makes one."""
    with pytest.raises(StoreUnavailable, match=r"holds no event store.*`backstory schema URL`"):
        await opened(postgres_url, mode=mode)
    assert await look_at_schema(postgres_url) == SchemaState("backstory", 0)


async def test_a_store_opened_to_read_only_reads_and_says_so(
    postgres_url: str, store: EventStore, opened: Open
) -> None:
    """It reads, and refuses to append without asking the server."""
    await store.append("user-1", [some_event()])
    reading = await opened(postgres_url, mode="ro")
    assert len(await reading.read(Read())) == 1
    with pytest.raises(StoreReadOnly, match="opened to read only"):
        await reading.append("user-1", [some_event()])
    with pytest.raises(StoreUnavailable, match="read only"):
        await bring_up_to_date(with_settings(postgres_url, mode="ro"))


async def test_the_command_makes_what_opening_makes(postgres: Server) -> None:
    """It answers the version that it found, and may be run again."""
    url = postgres.create()
    assert await look_at_schema(url) == SchemaState("backstory", 0)
    assert await bring_up_to_date(url) == SchemaState("backstory", 0)
    assert await bring_up_to_date(url) == SchemaState("backstory", SCHEMA_VERSION)
    assert await look_at_schema(url) == SchemaState("backstory", SCHEMA_VERSION)
    opened = postgres.create()
    await (await open_store(opened)).close()
    assert tables_of(postgres, url) == tables_of(postgres, opened)


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_the_script_makes_what_the_command_makes(postgres: Server) -> None:
    """An administrator may read it, and run it with what they like."""
    by_command, by_script = postgres.create(), postgres.create()
    roles = [f"{name_of(by_script)}_{kind}" for kind in ("appender", "reader")]
    rights = Rights(appenders=roles[:1], readers=roles[1:])
    await bring_up_to_date(by_command, rights)
    async with connected(by_script) as connection:
        await connection.execute(sql_to_bring_up_to_date(by_script, 0, rights))
        await connection.execute(sql_to_bring_up_to_date(by_script, SCHEMA_VERSION, rights))
    assert tables_of(postgres, by_script) == tables_of(postgres, by_command)
    store = await open_store(with_settings(by_script, mode="rw"))
    assert (await store.append("user-1", [some_event()])).position == 1
    await store.close()
    postgres.drop_all()
    postgres.execute(f"DROP ROLE {', '.join(roles)}")


def tables_of(server: Server, url: str) -> list[tuple[object, ...]]:
    """Return all that there is in a store's schema, and who may use it."""
    return server.execute(
        """
        SELECT c.relname, c.relkind::text, c.relacl::text, pg_get_indexdef(c.oid),
            (SELECT string_agg(a.attname || format_type(a.atttypid, -1), ',' ORDER BY a.attnum)
             FROM pg_attribute AS a WHERE a.attrelid = c.oid)
        FROM pg_class AS c WHERE c.relnamespace = 'backstory'::regnamespace
        UNION ALL
        SELECT p.proname, p.proacl::text, p.proconfig::text, pg_get_functiondef(p.oid), NULL
        FROM pg_proc AS p WHERE p.pronamespace = 'backstory'::regnamespace
        ORDER BY 1
        """,
        name_of(url),
    )


async def test_a_database_of_another_encoding_is_refused(postgres: Server, opened: Open) -> None:
    """Not every name and text could be stored in it."""
    name = name_of(postgres.create())
    postgres.drop(name)
    postgres.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreUnavailable, match=r"SQL_ASCII.*ENCODING 'UTF8'"):
        await opened(postgres.url(name))
    postgres.drop(name)


async def test_a_schema_that_others_write_to_is_refused(postgres_url: str, opened: Open) -> None:
    """Whoever may create in it could put something of their own in the way."""
    for name in ("public", "pg_catalog", "information_schema", "", "x" * 64):
        with pytest.raises(InvalidSetting):
            await opened(postgres_url, schema=name)


def test_without_the_driver_the_error_names_what_to_install(postgres_url: str) -> None:
    """PostgreSQL's driver is optional."""
    program = (
        "import asyncio, sys; sys.modules['asyncpg'] = None; import backstory;"
        f"asyncio.run(backstory.open_store({postgres_url!r}))"
    )
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "InvalidSetting: an event store on PostgreSQL needs its driver" in done.stderr
    assert "pip install 'backstory[postgres]'" in done.stderr
