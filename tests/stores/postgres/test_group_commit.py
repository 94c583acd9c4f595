from __future__ import annotations

import asyncio

from backstory import NO_STREAM, Appended, EventStore, Read, WrongExpectedRevision, open_store
from backstory.core.listening import Commit
from backstory.stores.postgres import PostgresStore
from tests.stores.postgres.conftest import Open, connected, some_event, until


async def test_concurrent_appends_share_transactions(postgres_url: str, store: EventStore) -> None:
    """Many tasks pay for few commits."""
    async with connected(postgres_url) as connection:
        before = await connection.fetchval("SELECT txid_current()")
        await asyncio.gather(*(store.append(f"a-{n}", [some_event(n)]) for n in range(400)))
        after = await connection.fetchval("SELECT txid_current()")
    assert await store.head() == 400
    assert after - before <= 30


async def test_whoever_listens_is_told_of_each_transaction(store: EventStore) -> None:
    """Metrics count appends and transactions by it."""
    assert isinstance(store, PostgresStore)
    told: list[Commit] = []
    store.on_commit(told.append)
    await asyncio.gather(*(store.append(f"a-{n}", [some_event(n)]) for n in range(100)))
    assert sum(commit.appends for commit in told) == 100
    assert len(told) <= 10
    assert all(commit.seconds > 0 for commit in told)


async def test_a_conflict_does_not_reach_the_appends_it_travels_with(store: EventStore) -> None:
    """Each append of a shared transaction keeps its own outcome."""
    await store.append("taken", [some_event()])
    outcomes = await asyncio.gather(
        *(
            store.append("taken" if n % 2 else f"free-{n}", [some_event(n)], expected=NO_STREAM)
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Appended, WrongExpectedRevision] * 10
    assert await store.head() == 11


async def test_an_append_that_the_server_cannot_take_harms_no_other(
    postgres_url: str, store: EventStore
) -> None:
    """One that breaks the call is found out, and the others are stored."""
    async with connected(postgres_url) as connection:
        await connection.execute(
            "ALTER TABLE backstory.events ADD CHECK (data::text NOT LIKE '%\"number\": 7%'"
            " AND data::text NOT LIKE '%\"number\":7,%')"
        )
    outcomes = await asyncio.gather(
        *(store.append(f"a-{n}", [some_event(n)]) for n in range(20)), return_exceptions=True
    )
    failed = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Appended)]
    assert failed == [7]
    assert [e.position for e in await store.read(Read())] == list(range(1, 20))


async def test_closing_while_appends_are_under_way_stores_or_refuses_each(
    postgres_url: str, opened: Open
) -> None:
    """Nothing hangs: every append ends stored, or refused because the store was closed."""
    store = await open_store(postgres_url)
    tasks = [asyncio.create_task(store.append(f"a-{n}", [some_event(n)])) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    stored = sum(isinstance(outcome, Appended) for outcome in outcomes)
    assert await (await opened(postgres_url)).head() == stored > 0


async def test_a_store_that_is_closed_leaves_no_connection_behind(
    postgres_url: str,
) -> None:
    """Connections are dear."""
    store = await open_store(postgres_url)
    await asyncio.gather(*(store.append(f"a-{n}", [some_event(n)]) for n in range(200)))
    await asyncio.gather(*(store.read(Read()) for _ in range(10)), store.wait(200, 0.05))
    await store.close()
    async with connected(postgres_url) as connection:

        async def none_is_left() -> bool:
            left = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = 'backstory' AND datname = current_database()"
            )
            return not left

        await until(none_is_left)
