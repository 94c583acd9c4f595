"""Hints make readers quick; nothing depends on them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from backstory import EventStore, Read, StoreClosed, Subscription
from tests.stores.postgres.conftest import PATIENCE, Connection, Open, connected, some_event, until

SELDOM: Final = 15
"""Seconds between two looks: who learns of an append sooner has heard a hint."""

CHANNEL: Final = "backstory_7dc4476d"
"""Where hints for the schema `backstory` are sent."""

MOST_A_SECOND: Final = 20


async def listeners(connection: Connection) -> list[int]:
    """Return the process ids of the server that listen for hints."""
    rows = await connection.fetch(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    return [row["pid"] for row in rows]


async def exchange(writer: EventStore, reader: EventStore, *, seconds: float) -> None:
    """Append, and check that *reader*, which waits for it, learns of it within *seconds*."""
    head = await reader.head()
    waiting = asyncio.create_task(reader.wait(head, PATIENCE))
    await asyncio.sleep(0)
    await writer.append("user-1", [some_event()])
    async with asyncio.timeout(seconds):
        assert await waiting == head + 1


async def test_a_hint_is_heard_long_before_the_next_look(postgres_url: str, opened: Open) -> None:
    """With looks far apart only a hint can be the reason."""
    seldom = {"poll_shortest": SELDOM, "poll_longest": SELDOM}
    writer, reader = await opened(postgres_url, **seldom), await opened(postgres_url, **seldom)
    async with connected(postgres_url) as connection:
        waiting = asyncio.create_task(reader.wait(0, PATIENCE))
        await until(lambda: listeners(connection))
        await writer.append("user-1", [some_event()])
        async with asyncio.timeout(SELDOM / 2):
            await waiting
        for _ in range(5):
            await exchange(writer, reader, seconds=SELDOM / 2)


async def test_without_hints_followers_look_for_themselves(postgres_url: str, opened: Open) -> None:
    """Nobody tells and nobody listens, and everything is found."""
    writer, reader = [await opened(postgres_url, notify="off") for _ in range(2)]
    async with connected(postgres_url) as connection:
        for _ in range(5):
            await exchange(writer, reader, seconds=PATIENCE / 2)
        assert await listeners(connection) == []


async def test_hints_that_never_arrive_are_not_missed(postgres_url: str, opened: Open) -> None:
    """The reader listens, and relies on it no more than it must."""
    writer, reader = await opened(postgres_url, notify="off"), await opened(postgres_url)
    async with connected(postgres_url) as connection:
        await exchange(writer, reader, seconds=PATIENCE / 2)
        await until(lambda: listeners(connection))
        for _ in range(5):
            await exchange(writer, reader, seconds=PATIENCE / 2)


async def test_a_listener_that_is_cut_off_is_replaced_and_nothing_is_missed(
    postgres_url: str, opened: Open
) -> None:
    """A subscription goes on by looking, until hints are heard again."""
    writer, reader = await opened(postgres_url), await opened(postgres_url)
    seen: list[int] = []
    subscription = Subscription(reader, Read())

    async def follow() -> None:
        async for batch in subscription:
            seen.extend(event.position for event in batch.events)
            if len(seen) == 20:
                return

    following = asyncio.create_task(follow())
    async with connected(postgres_url) as connection, asyncio.timeout(PATIENCE):
        await until(lambda: listeners(connection))
        (first,) = await listeners(connection)
        for number in range(20):
            if number == 5:
                await connection.execute("SELECT pg_terminate_backend($1)", first)
            await writer.append("user-1", [some_event(number)])
        await following
        assert seen == list(range(1, 21))
        waiting = asyncio.create_task(reader.wait(20, PATIENCE))
        await until(lambda: listeners(connection))
        assert first not in await listeners(connection)
        await writer.append("user-1", [some_event()])
        await waiting


async def test_an_append_does_not_notify_within_its_transaction(
    postgres_url: str, opened: Open
) -> None:
    """A transaction that notifies takes a lock of the whole server when it commits."""
    store = await opened(postgres_url)
    await store.append("user-1", [some_event()])
    async with connected(postgres_url) as connection:
        sources = await connection.fetch(
            "SELECT prosrc FROM pg_proc WHERE pronamespace = 'backstory'::regnamespace"
        )
    assert len(sources) > 5
    assert not [row for row in sources if "notify" in row["prosrc"].lower()]


async def test_many_appends_send_few_hints(postgres_url: str, opened: Open) -> None:
    """Hints cost something: a few a second serve any number of appends."""
    store = await opened(postgres_url)
    heard = 0

    def hear(*_: object) -> None:
        nonlocal heard
        heard += 1

    began = monotonic()
    async with connected(postgres_url) as connection:
        await connection.add_listener(CHANNEL, hear)
        for number in range(200):
            await store.append("user-1", [some_event(number)])
        await store.close()
        await connection.execute("SELECT 1")
    assert 1 <= heard <= 2 + (monotonic() - began) * MOST_A_SECOND


async def test_a_store_closed_while_it_begins_to_wait_listens_no_more(
    postgres_url: str, opened: Open
) -> None:
    """Who waits asks for the head first; when the answer comes, the store may be closed."""
    store = await opened(postgres_url)
    async with connected(postgres_url) as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("LOCK TABLE backstory.events IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(store.wait(0, PATIENCE))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.05)
        await transaction.rollback()
        await asyncio.wait([waiting, closing], timeout=PATIENCE)
        assert closing.done()
        assert isinstance(waiting.exception(), StoreClosed)
        await asyncio.sleep(0.05)
        assert await listeners(other) == []
