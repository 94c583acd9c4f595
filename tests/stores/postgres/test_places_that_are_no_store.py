"""URLs, servers and settings that cannot work, each named, none with the password."""

from __future__ import annotations

import socket
import traceback
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from backstory import EventStore, Read, StoreUnavailable
from backstory.core.errors import InvalidSetting, StoreBusy, StoreError
from backstory.stores.postgres.settings import PostgresSettings
from tests.servers.fixtures import Servers
from tests.servers.postgres import PASSWORD
from tests.stores.postgres.conftest import Open, connected, some_event

SECRET: Final = "do-not-tell"  # noqa: S105 - what no message may show


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "host/db?conections=3",
            "unknown or repeated setting 'conections'; settings are: .*connections",
        ),
        ("host/db?mode=ro&mode=rw", "unknown or repeated setting 'mode'"),
        ("host/db?password=x", "unknown or repeated setting 'password'"),
        ("host:5432/db?port=1", "unknown or repeated setting 'port'"),
        ("host/db?mode=readonly", "mode is one of rwc .*not 'readonly'"),
        ("host/db?connections=0", "connections is from 1 to 1000, not 0"),
        ("host/db?connections=many", "connections"),
        ("host/db?poll_shortest=1&poll_longest=0.5", "poll_shortest is at most poll_longest"),
        ("host/db?busy_timeout=30", "busy_timeout is below answer_timeout"),
        ("host/db?statement_timeout=0", "statement_timeout is from 0.001 to 3600, not 0"),
        ("host/db?notify=maybe", "notify"),
        ("host/db?sslmode=on", "sslmode is one of disable"),
        ("host/db?schema=", "a schema's name"),
        ("host/db?schema=public", "a schema of its own"),
        ("host:port/db", "write a PostgreSQL store as postgresql://user"),
        ("host/db/more", "write a PostgreSQL store as"),
        ("host/db#part", "write a PostgreSQL store as"),
        ("[host/db", "write a PostgreSQL store as"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_without_its_password(
    opened: Open, rest: str, message: str
) -> None:
    """The message says what is wrong, and may be put into a log."""
    with pytest.raises(InvalidSetting, match=message) as raised:
        await opened(f"postgresql://user:{SECRET}@{rest}")
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_a_url_says_all_there_is_to_say() -> None:
    """Names and passwords are unquoted, settings are typed."""
    settings = PostgresSettings.from_url(
        "postgres://us%40er:pass%2Fword@[::1]:5433/data%20base"
        "?schema=s%26t&notify=off&pooled=on&connections=7&sslmode=require"
    )
    assert (settings.user, settings.password) == ("us@er", "pass/word")
    assert (settings.host, settings.port, settings.database) == ("::1", 5433, "data base")
    assert (settings.schema, settings.notify, settings.pooled) == ("s&t", False, True)
    assert (settings.connections, settings.sslmode) == (7, "require")
    assert "pass/word" not in settings.dsn
    assert "pass/word" not in settings.place


async def failure(opened: Open, url: str) -> StoreError:
    """Return the error of opening *url*, which shows its password nowhere."""
    with pytest.raises(StoreError) as raised:
        await opened(url)
    assert PASSWORD not in "".join(traceback.format_exception(raised.value))
    return raised.value


async def test_a_wrong_password_is_named_as_such(postgres_url: str, opened: Open) -> None:
    """It is no use to wait for it to become right."""
    parts = urlsplit(postgres_url)
    wrong = parts._replace(netloc=f"{parts.username}:wrong@{parts.hostname}:{parts.port}")
    found = await failure(opened, wrong.geturl())
    assert isinstance(found, StoreUnavailable)
    assert "password authentication failed" in str(found)


async def test_a_missing_database_is_named(postgres_url: str, opened: Open) -> None:
    """The store makes schemas, never databases."""
    found = await failure(opened, urlsplit(postgres_url)._replace(path="/nowhere").geturl())
    assert 'database "nowhere" does not exist' in str(found)


async def test_a_server_that_is_not_there_is_named(opened: Open, tmp_path: Path) -> None:
    """At once, when the store is opened: an address may be wrong for ever."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = await failure(opened, f"postgresql://me@127.0.0.1:{port}/mine")
    assert isinstance(found, StoreUnavailable)
    assert f"schema 'backstory' of database 'mine' on 127.0.0.1:{port}" in str(found)
    assert isinstance(
        await failure(opened, f"postgresql:///mine?host={tmp_path}"), StoreUnavailable
    )


async def test_a_server_that_says_nothing_is_given_up(opened: Open) -> None:
    """Something listens, and it is no PostgreSQL."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/mine?connect_timeout=0.2"
        assert isinstance(await failure(opened, url), StoreUnavailable)


async def test_a_unix_socket_is_a_way_in(postgres_servers: Servers, opened: Open) -> None:
    """`host` may be a folder."""
    server = postgres_servers.own(18, durable=False)
    name = urlsplit(server.create()).path[1:]
    store = await opened(server.socket_url(name))
    assert (await store.append("user-1", [some_event()])).position == 1
    await store.close()
    server.drop_all()


async def test_tables_that_go_away_are_named(postgres_url: str, store: EventStore) -> None:
    """Somebody dropped the schema of a store that is open."""
    await store.append("user-1", [some_event()])
    async with connected(postgres_url) as connection:
        await connection.execute("DROP SCHEMA backstory CASCADE")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="holds no event store"):
            await store.append("user-1", [some_event()])
        with pytest.raises(StoreUnavailable, match="holds no event store"):
            await store.read(Read())


async def test_an_append_that_others_keep_waiting_is_told_so(
    postgres_url: str, opened: Open
) -> None:
    """A lock held for too long ends in `StoreBusy`, and the store works on when it is gone."""
    store = await opened(postgres_url, busy_timeout=0.1)
    async with connected(postgres_url) as connection, connection.transaction():
        await connection.execute("SELECT FROM backstory.store FOR UPDATE")
        with pytest.raises(StoreBusy):
            await store.append("user-1", [some_event()])
        assert await store.read(Read()) == []
    assert (await store.append("user-1", [some_event()])).position == 1
