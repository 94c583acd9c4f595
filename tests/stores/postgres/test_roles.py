"""What an appender may do, and a reader, and that it is nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from backstory import EventStore, Fault, Read, StreamAppend
from backstory.core.errors import StoreReadOnly, StoreUnavailable
from backstory.core.store import Verifying, append_several
from backstory.stores.postgres.migrations import quoted
from backstory.stores.postgres.schema import Rights, bring_up_to_date
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import Open, connected, some_event

APPENDER: Final = 'the "appender"'
READER: Final = "reader's"
PASSWORD: Final = "let-me-in"  # noqa: S105 - guards nothing

DAMAGE: Final = (
    "INSERT INTO events SELECT 9, 9, 0, 1, 4, gen_random_uuid(), 'a', '{}', '{}'",
    "UPDATE events SET data = '{}'",
    "DELETE FROM events",
    "TRUNCATE events",
    "INSERT INTO kinds (category, type) VALUES ('a', 'b')",
    "UPDATE kinds SET type = 'forged'",
    "DELETE FROM kinds",
    "UPDATE store SET version = 0",
    "DELETE FROM store",
    "DROP TABLE events CASCADE",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "CREATE TABLE mine (n integer)",
    "SELECT numbers_of(ARRAY['a'], ARRAY['b'])",
)

Login = Callable[[str], str]


@pytest.fixture
async def login(postgres: Server, opened: Open) -> AsyncIterator[Login]:
    """Give what returns the URL of a user in a role, for a store that holds one event."""
    url = postgres.create()
    roles = {role: f"{role} of {name_of(url)}" for role in (APPENDER, READER)}
    made = list(roles.values())
    await bring_up_to_date(url, Rights(appenders=made[:1], readers=made[1:]))
    await (await opened(url)).append("user-1", [some_event()])

    def url_for(role: str) -> str:
        user = f"{name_of(url)}_{'a' if role == APPENDER else 'r'}"
        home = quoted(roles[role])
        postgres.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' IN ROLE {home}")
        made.append(user)
        parts = urlsplit(url)
        return parts._replace(netloc=f"{user}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()

    yield url_for
    postgres.drop_all()
    for role in made:
        postgres.execute(f"DROP ROLE {quoted(role)}")


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_an_appender_may_append_and_read(login: Login, opened: Open) -> None:
    """A service needs no more; opening the store asks for no other right."""
    store = await opened(login(APPENDER))
    assert (await store.append("user-1", [some_event(1)], expected=0)).position == 2
    parts = [StreamAppend("user-2", [some_event()]), StreamAppend("new-1", [some_event()])]
    assert [each.position for each in await append_several(store, parts)] == [3, 4]
    assert len(await store.read(Read(category="user"))) == 3
    assert await store.wait(3, 10) == 4
    assert isinstance(store, Verifying)
    assert not [found async for found in store.verify() if isinstance(found, Fault)]


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_a_reader_may_read_and_is_told_that_it_may_not_append(
    login: Login, opened: Open
) -> None:
    """The error says whom to ask."""
    store = await opened(login(READER))
    assert len(await store.read(Read())) == await store.head() == 1
    with pytest.raises(StoreReadOnly, match=r"permission denied.*Ask for a role that may"):
        await store.append("user-1", [some_event()])
    parts = [StreamAppend("user-2", [some_event()]), StreamAppend("new-1", [some_event()])]
    with pytest.raises(StoreReadOnly, match="permission denied"):
        await append_several(store, parts)
    assert await store.head() == 1


@pytest.mark.parametrize("role", [APPENDER, READER])
@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_neither_can_change_or_delete_anything(login: Login, role: str) -> None:
    """Every statement that would is refused by the server, whatever the program."""
    async with connected(login(role)) as connection:
        await connection.execute("SET search_path TO backstory")
        for statement in DAMAGE:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        assert await connection.fetchval("SELECT count(*) FROM log") == 1


async def test_a_function_of_an_appender_cannot_be_turned_against_its_owner(
    login: Login, opened: Open
) -> None:
    """The functions run with their owner's rights: what a caller makes is not found by them."""
    url = login(APPENDER)
    async with connected(url) as connection:
        await connection.execute("CREATE TEMP TABLE events (LIKE backstory.events)")
        await connection.execute("CREATE TEMP TABLE store (single boolean)")
        await connection.execute("SET search_path TO pg_temp, backstory")
        await connection.execute(
            "SELECT backstory.append('user-9', -1, ARRAY['t'], ARRAY[1],"
            " ARRAY[gen_random_uuid()], ARRAY['{}'::json], ARRAY['{}'::json], NULL, NULL)"
        )
        assert await connection.fetchval("SELECT count(*) FROM pg_temp.events") == 0
    assert len(await (await opened(url)).read(Read(stream="user-9"))) == 1


async def test_even_the_owner_cannot_change_an_event_by_mistake(
    postgres_url: str, store: EventStore
) -> None:
    """A trigger says no to whoever has the right; taking it away is done on purpose."""
    await store.append("user-1", [some_event()])
    async with connected(postgres_url) as connection:
        await connection.execute("SET search_path TO backstory")
        for statement in DAMAGE[1:4] + DAMAGE[5:7]:
            with pytest.raises(asyncpg.RestrictViolationError, match="is a fact"):
                await connection.execute(statement)


async def test_rights_may_be_given_again_and_to_roles_that_are_there(
    postgres_url: str, login: Login, opened: Open
) -> None:
    """The command may be run with every deployment."""
    url = login(READER)
    user = urlsplit(url).username or ""
    for _ in range(2):
        await bring_up_to_date(postgres_url, Rights(appenders=(user, user), readers=(user,)))
    with_more = await opened(
        postgres_url.replace(urlsplit(postgres_url).netloc, urlsplit(url).netloc)
    )
    assert (await with_more.append("user-1", [some_event()])).position == 1


async def test_a_role_that_may_not_make_the_tables_is_told_what_to_run(
    postgres: Server, login: Login, opened: Open
) -> None:
    """The service's own role usually may not; the message names the command."""
    empty = name_of(postgres.create())
    url = urlsplit(login(APPENDER))._replace(path=f"/{empty}").geturl()
    with pytest.raises(StoreUnavailable, match=r"may not make one\. Run `backstory schema URL`"):
        await opened(url)
