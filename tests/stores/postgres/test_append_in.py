"""An append that joins the caller's own transaction."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

import pytest

from backstory import NO_STREAM, Appended, Read, Subscription, WrongExpectedRevision
from backstory.core.errors import InvalidInput, StoreBusy, StoreClosed, StoreReadOnly
from backstory.stores.postgres import PostgresStore
from backstory.testing.samples import all_of, check_order
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import Connection, Open, connected, some_event
from tests.stores.postgres.transactions import LIBRARIES, Begin, by_asyncpg

ORDERS: Final = "CREATE TABLE orders (number integer)"


@pytest.fixture
def url(postgres: Server) -> str:
    """Return the URL of a database that holds a table of the caller's own."""
    url = postgres.create()
    postgres.execute(ORDERS, name_of(url))
    return url


@pytest.fixture
async def store(url: str, opened: Open) -> PostgresStore:
    """Return an open store in that database."""
    return await open_postgres(opened, url)


async def open_postgres(opened: Open, url: str, **settings: object) -> PostgresStore:
    """Return an open store with the method that only PostgreSQL's has."""
    store = await opened(url, **settings)
    assert isinstance(store, PostgresStore)
    return store


async def settings_of(connection: Connection) -> list[tuple[str, str]]:
    """Return every setting of a session."""
    rows = await connection.fetch("SELECT name, setting FROM pg_settings ORDER BY name")
    return [(row["name"], row["setting"]) for row in rows]


async def orders(url: str) -> int:
    """Return how many rows the caller's table has."""
    async with connected(url) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM orders"))


@pytest.fixture(params=LIBRARIES)
def begin(request: pytest.FixtureRequest) -> Begin:
    """Return what begins a transaction, for each library."""
    return LIBRARIES[str(request.param)]


async def test_event_and_row_are_committed_together(
    url: str, store: PostgresStore, begin: Begin
) -> None:
    """What SQLAlchemy's users ask for: one transaction for both."""
    await store.append("user-1", [some_event()])
    async with begin(url) as transaction:
        await transaction.execute("INSERT INTO orders VALUES (1)")
        batch = [some_event(1), some_event(2)]
        appended = await store.append_in(transaction.joined, "user-1", batch, expected=0)
        assert appended == Appended("user-1", 2, 3)
        assert await store.head() == 1
        assert await orders(url) == 0
        await transaction.commit()
    assert [event.id for event in await store.read(Read(stream="user-1", after=0))] == [
        event.id for event in batch
    ]
    assert await orders(url) == 1


async def test_event_and_row_are_rolled_back_together(
    url: str, store: PostgresStore, begin: Begin
) -> None:
    """It is as if the event had never been; the next one takes its position."""
    async with begin(url) as transaction:
        await transaction.execute("INSERT INTO orders VALUES (1)")
        await store.append_in(transaction.joined, "user-1", [some_event()], expected=NO_STREAM)
        await transaction.rollback()
    assert await store.head() == await orders(url) == 0
    assert await store.append("user-2", [some_event()]) == Appended("user-2", 0, 1)


async def test_a_conflict_leaves_the_transaction_usable(
    url: str, store: PostgresStore, begin: Begin
) -> None:
    """The caller decides what to do next, in the same transaction."""
    await store.append("user-1", [some_event()])
    async with begin(url) as transaction:
        with pytest.raises(WrongExpectedRevision) as raised:
            await store.append_in(transaction.joined, "user-1", [some_event()], expected=NO_STREAM)
        assert raised.value.actual == 0
        await transaction.execute("INSERT INTO orders VALUES (1)")
        await store.append_in(transaction.joined, "user-1", [some_event()], expected=0)
        await transaction.commit()
    assert await store.head() == 2
    assert await orders(url) == 1


async def test_an_append_that_waits_too_long_for_another_is_told_so(
    url: str, opened: Open, begin: Begin
) -> None:
    """Two transactions that both append: the second has `busy_timeout` to get its turn."""
    store = await open_postgres(opened, url, busy_timeout=0.2)
    async with by_asyncpg(url) as first, begin(url) as second:
        await store.append_in(first.joined, "user-1", [some_event()])
        with pytest.raises(StoreBusy):
            await store.append_in(second.joined, "user-1", [some_event()])
        await second.rollback()
        await first.commit()
    assert await store.head() == 1


async def test_the_same_ids_again_answer_the_original(url: str, store: PostgresStore) -> None:
    """A transaction whose commit was lost may be repeated as a whole."""
    event = some_event()
    for _ in range(2):
        async with by_asyncpg(url) as transaction:
            appended = await store.append_in(transaction.joined, "user-1", [event])
            assert appended == Appended("user-1", 0, 1)
            await transaction.commit()
    assert await store.head() == 1


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_others_wait_and_no_reader_skips_what_commits_late(
    url: str, store: PostgresStore, opened: Open
) -> None:
    """A transaction that takes its time holds up appends, never hides an event."""
    other = await opened(url)
    seen: list[int] = []
    subscription = Subscription(await opened(url, notify="off"), Read())

    async def follow() -> None:
        async for batch in subscription:
            seen.extend(event.position for event in batch.events)
            if len(seen) == 3:
                return

    following = asyncio.create_task(follow())
    async with by_asyncpg(url) as transaction:
        await store.append_in(transaction.joined, "user-1", [some_event()])
        later = [
            asyncio.create_task(each.append("user-2", [some_event()])) for each in (store, other)
        ]
        async with connected(url) as connection:
            before = await connection.fetchval("SELECT clock_timestamp()")
        assert await store.wait(0, 0.1) == await other.head() == 0
        assert not any(task.done() for task in later)
        await transaction.commit()
    assert sorted(task.position for task in await asyncio.gather(*later)) == [2, 3]
    await following
    assert seen == [1, 2, 3]
    log = await all_of(store)
    check_order(log)
    assert log[0].recorded_at <= before <= log[1].recorded_at


async def test_those_who_wait_learn_of_it_soon_after_the_commit(
    url: str, store: PostgresStore, opened: Open
) -> None:
    """Nobody sends a hint for a transaction that is not ours, so both look for themselves."""
    other = await opened(url)
    waiting = [asyncio.create_task(each.wait(0, 30)) for each in (store, other)]
    async with by_asyncpg(url) as transaction:
        await store.append_in(transaction.joined, "user-1", [some_event()])
        await transaction.commit()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*waiting) == [1, 1]


async def test_a_snapshot_older_than_the_newest_append_is_named(
    url: str, store: PostgresStore
) -> None:
    """REPEATABLE READ cannot see what others appended since it began: it is told to start anew."""
    async with connected(url) as connection:
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        await connection.execute("INSERT INTO orders VALUES (1)")
        await store.append("user-1", [some_event()])
        with pytest.raises(StoreBusy, match="REPEATABLE READ or SERIALIZABLE"):
            await store.append_in(connection, "user-2", [some_event()])
        await transaction.rollback()
        async with connection.transaction(isolation="serializable"):
            await store.append_in(connection, "user-2", [some_event()])
    assert await store.head() == 2
    assert await orders(url) == 0


async def test_settings_of_the_callers_session_stay_as_they_were(
    url: str, store: PostgresStore
) -> None:
    """The store borrows the connection and leaves nothing behind."""
    async with connected(url) as connection:
        # A function in its language makes a session know the settings of the language.
        await connection.execute("DO 'BEGIN END'")
        await connection.execute("SET lock_timeout = '7s'; SET search_path TO public")
        before = await settings_of(connection)
        async with connection.transaction():
            await store.append_in(connection, "user-1", [some_event()])
            assert await settings_of(connection) == before
        assert await settings_of(connection) == before


async def test_a_commit_waits_for_the_disk_whatever_the_session_says(
    url: str, store: PostgresStore
) -> None:
    """A service that is careless with its rows does not become careless with its events."""
    async with connected(url) as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await store.append_in(connection, "user-1", [some_event()])
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


async def test_what_is_no_transaction_is_refused(url: str, store: PostgresStore) -> None:
    """Outside a transaction the event would be stored at once, which nobody means."""
    async with connected(url) as connection:
        with pytest.raises(InvalidInput, match="begin one on the connection first"):
            await store.append_in(connection, "user-1", [some_event()])
    with pytest.raises(InvalidInput, match="not str"):
        await store.append_in("a string", "user-1", [some_event()])  # type: ignore[arg-type]  # that is the point
    assert await store.head() == 0


async def test_a_store_that_reads_only_or_is_closed_appends_in_no_transaction(
    url: str, store: PostgresStore, opened: Open
) -> None:
    """The rules of `append` hold here as well."""
    reading = await open_postgres(opened, url, mode="ro")
    async with by_asyncpg(url) as transaction:
        with pytest.raises(StoreReadOnly):
            await reading.append_in(transaction.joined, "user-1", [some_event()])
        await store.close()
        with pytest.raises(StoreClosed):
            await store.append_in(transaction.joined, "user-1", [some_event()])
        await transaction.rollback()


async def test_the_clock_of_the_store_tells_the_time_of_a_joined_append(url: str) -> None:
    """A test that sets the time sets it here, too."""
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    store = await PostgresStore.open(url, clock=lambda: noon)
    async with by_asyncpg(url) as transaction:
        await store.append_in(transaction.joined, "user-1", [some_event()])
        await transaction.commit()
    assert (await store.read(Read()))[0].recorded_at == noon
    await store.close()
