"""A pooler in transaction mode gives each transaction another connection to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from backstory import NO_STREAM, Appended, Fault, Read, StreamAppend, WrongExpectedRevision
from backstory.core.errors import StoreBusy
from backstory.core.store import Verifying, append_several
from backstory.testing.samples import all_of, check_order
from tests.servers.databases import name_of
from tests.servers.fixtures import Servers
from tests.servers.postgres import VERSIONS, PostgresServer
from tests.stores.postgres.conftest import Connection, Open, connected, fill, some_event
from tests.stores.postgres.pooler import Pooler


@pytest.fixture(params=VERSIONS)
def server(request: pytest.FixtureRequest, postgres_servers: Servers) -> PostgresServer:
    """Return a server that asks for no password on its socket."""
    return postgres_servers.own(request.param, durable=False)


@pytest.fixture
async def pooler(server: PostgresServer) -> AsyncIterator[Pooler]:
    """Give a pooler before an empty database."""
    name = name_of(server.create())
    async with Pooler(server.socket_url(name)) as pooler:
        yield pooler
    server.drop_all()


async def test_the_pooler_of_these_tests_is_as_strict_as_one_must_be(pooler: Pooler) -> None:
    """What is prepared or set in one transaction is not there in the next."""
    connection = await asyncpg.connect(pooler.url, statement_cache_size=0)
    await connection.execute("SET search_path TO nowhere")
    assert await connection.fetchval("SHOW search_path") != "nowhere"
    assert len(await backends(connection)) == 3
    connection.terminate()
    connection = await asyncpg.connect(pooler.url, statement_cache_size=100)
    with pytest.raises(asyncpg.InvalidSQLStatementNameError):
        await backends(connection)
    connection.terminate()


async def backends(connection: Connection) -> set[int]:
    """Return who on the server answers, asked several times."""
    return {await connection.fetchval("SELECT pg_backend_pid()") for _ in range(6)}


async def test_a_store_behind_a_pooler_keeps_its_promises(pooler: Pooler, opened: Open) -> None:
    """Nothing it does relies on what an earlier transaction left in a session."""
    one, two = await opened(pooler.url), await opened(pooler.url)
    appended = await one.append("user-1", [some_event(0), some_event(1)], expected=NO_STREAM)
    assert appended == Appended("user-1", 1, 2)
    with pytest.raises(WrongExpectedRevision):
        await two.append("user-1", [some_event()], expected=NO_STREAM)
    await asyncio.gather(*(fill(store, 200) for store in (one, two)))
    await append_several(
        two, [StreamAppend("left", [some_event()]), StreamAppend("right", [some_event()])]
    )
    log = await all_of(one, Read(limit=50))
    check_order(log)
    assert len(log) == 404
    assert len(await all_of(two, Read(category="thing", limit=50))) == 400
    assert isinstance(one, Verifying)
    assert not [found async for found in one.verify() if isinstance(found, Fault)]


async def test_an_append_behind_a_pooler_ends_the_wait_of_another_store(
    pooler: Pooler, opened: Open
) -> None:
    """No hint comes through a pooler; those who wait look for themselves."""
    one, two = await opened(pooler.url), await opened(pooler.url)
    for number in range(3):
        waiting = asyncio.create_task(two.wait(number, 30))
        await asyncio.sleep(0)
        await one.append("user-1", [some_event(number)])
        assert await waiting == number + 1


async def test_an_append_that_fails_behind_a_pooler_leaves_no_transaction_open(
    server: PostgresServer, opened: Open
) -> None:
    """A connection in the middle of a failed transaction would be of no use to anybody."""
    url = server.create()
    async with (
        Pooler(server.socket_url(name_of(url)), servers=1) as pooler,
        connected(url) as connection,
    ):
        store = await opened(pooler.url, busy_timeout=0.1)
        other = await opened(pooler.url)
        async with connection.transaction():
            await connection.execute("SELECT FROM backstory.store FOR UPDATE")
            with pytest.raises(StoreBusy):
                await store.append("user-1", [some_event()])
            assert await other.head() == 0
        assert (await store.append("user-1", [some_event()])).position == 1
        await store.close()
        await other.close()
    server.drop_all()


async def test_many_stores_share_few_connections(pooler: Pooler, opened: Open) -> None:
    """Between transactions no connection to the server is held."""
    stores = [await opened(pooler.url) for _ in range(10)]
    await asyncio.gather(
        *(store.append(f"user-{n}", [some_event(n)]) for n, store in enumerate(stores))
    )
    assert {await store.head() for store in stores} == {10}


async def test_what_a_pooler_is_told_apart_by_can_be_said_instead(
    pooler: Pooler, opened: Open
) -> None:
    """A pooler that passes process ids on would not be noticed; the setting names it."""
    store = await opened(pooler.url, pooled="true")
    await store.append("user-1", [some_event()])
    before = pooler.transactions
    assert len(await store.read(Read())) == 1
    assert pooler.transactions > before
