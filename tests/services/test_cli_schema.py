from __future__ import annotations

import asyncio
from typing import Final

import psycopg
import pytest

from backstory import NewEvent, open_store
from backstory.stores.postgres.migrations import SCHEMA_VERSION
from tests.servers.databases import Server, name_of
from tests.services.command import backstory

RIGHTS: Final = """
    SELECT
        has_table_privilege(r, 'backstory.events', 'SELECT'),
        has_table_privilege(r, 'backstory.events', 'INSERT, UPDATE, DELETE, TRUNCATE'),
        bool_or(has_function_privilege(r, p.oid, 'EXECUTE'))
    FROM unnest(string_to_array('{roles}', ',')) WITH ORDINALITY AS n (r, place), pg_proc AS p
    WHERE p.pronamespace = 'backstory'::regnamespace
    GROUP BY r, place ORDER BY place
"""


def test_the_tables_are_made_once(postgres_url: str) -> None:
    """It says what it did, and may be run with every deployment."""
    made = backstory("schema", postgres_url)
    assert (made.code, made.out) == (0, "")
    assert made.err == f"schema 'backstory' made (version {SCHEMA_VERSION})\n"
    again = backstory("schema", postgres_url)
    assert again.err == f"schema 'backstory' is up to date (version {SCHEMA_VERSION})\n"
    assert backstory("read", f"{postgres_url}?mode=rw").code == 0


def test_looking_changes_nothing(postgres_url: str) -> None:
    """Version 0 is what stands where nothing stands."""
    shown = backstory("schema", postgres_url, "--show")
    assert shown.lines == ["schema\tbackstory", "version\t0", f"newest\t{SCHEMA_VERSION}"]
    backstory("schema", f"{postgres_url}?schema=billing")
    billing = backstory("schema", f"{postgres_url}?schema=billing", "--show", "--json")
    newest = {"version": SCHEMA_VERSION, "newest": SCHEMA_VERSION}
    assert billing.objects == [{"schema": "billing", **newest}]
    assert backstory("schema", postgres_url, "--show", "--json").objects == [
        {"schema": "backstory", "version": 0, "newest": SCHEMA_VERSION}
    ]


def test_roles_get_their_rights_and_no_more(postgres: Server) -> None:
    """An appender cannot change an event, a reader cannot append one."""
    url = postgres.create()
    appender, reader = (f"{name_of(url)}_{kind}" for kind in ("appender", "reader"))
    assert backstory("schema", url, "--appender", appender, "--reader", reader).code == 0
    rights = postgres.execute(RIGHTS.format(roles=f"{appender},{reader}"), name_of(url))
    postgres.drop_all()
    postgres.execute(f"DROP ROLE {appender}, {reader}")
    assert rights == [(True, False, True), (True, False, False)]


def test_the_script_is_what_an_administrator_runs(postgres_url: str) -> None:
    """It asks no server, and what it prints makes the store."""
    nowhere = "postgresql://nobody@nowhere.invalid/none"
    script = backstory("schema", nowhere, "--sql")
    assert (script.code, script.err) == (0, "")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(script.out.encode())

    async def use() -> int:
        store = await open_store(f"{postgres_url}?mode=rw")
        await store.append("user-1", [NewEvent.of("joined", {})])
        head = await store.head()
        await store.close()
        return head

    assert asyncio.run(use()) == 1
    later = backstory("schema", nowhere, "--sql", "--from", str(SCHEMA_VERSION))
    assert "CREATE TABLE" in script.out
    assert "CREATE TABLE" not in later.out
    granted = backstory("schema", nowhere, "--sql", "--appender", "billing")
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "backstory" TO "billing"' in granted.out


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("postgresql://me@127.0.0.1:1/none", 3, "schema 'backstory' of database 'none'"),
        ("postgresql://me@host/none?schema=public", 2, "a schema of its own"),
        ("sqlite:///events.db", 2, "write a PostgreSQL store as postgresql://"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, code: int, message: str) -> None:
    """A script sees it in the exit code, a person in the message."""
    done = backstory("schema", url)
    assert done.code == code
    assert message in done.err


def test_tables_of_another_program_are_refused(postgres: Server) -> None:
    """Exit code 4, and nothing is changed."""
    url = postgres.create()
    postgres.execute("CREATE SCHEMA backstory", name_of(url))
    postgres.execute("CREATE TABLE backstory.events (n integer)", name_of(url))
    done = backstory("schema", url)
    assert done.code == 4
    assert "another program" in done.err


def test_the_other_commands_take_the_url_as_well(postgres_url: str) -> None:
    """One URL to change."""
    line = b'{"n": 1}\n'
    assert backstory("append", postgres_url, "member-1", "joined", stdin=line).code == 0
    assert len(backstory("read", postgres_url).lines) == 1
    assert backstory("stats", postgres_url).code == 0
    assert backstory("verify", postgres_url).err == "no faults, checked up to position 1\n"
