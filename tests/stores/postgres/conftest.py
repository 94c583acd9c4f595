"""Stores on PostgreSQL to ill-treat, and ways of holding a transaction open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeAlias

import asyncpg
import pytest

from backstory import EventStore, NewEvent, open_store

PATIENCE: Final = 90.0
"""Seconds until what must happen counts as not happening, on the slowest machine."""

GATE: Final = 4_711
"""The number of the advisory lock at which slow appends are held."""

HOLD_SLOW: Final = f"""
    CREATE FUNCTION backstory.hold_slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock({GATE});
        RETURN NULL;
    END $$;
    CREATE TRIGGER hold_slow AFTER INSERT ON backstory.events
    FOR EACH ROW WHEN (NEW.data::text LIKE '%"slow"%') EXECUTE FUNCTION backstory.hold_slow();
"""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def with_settings(url: str, **settings: object) -> str:
    """Return *url* with more settings of the store."""
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    return f"{url}{'&' if '?' in url else '?'}{query}"


def some_event(number: int = 0, *, kind: str = "thing-happened", size: int = 0) -> NewEvent:
    """Return an event; its data holds *number* and about *size* bytes."""
    return NewEvent.of(kind, {"number": number, "filling": "x" * size})


def slow_event() -> NewEvent:
    """Return an event whose insert is held where `HOLD_SLOW` was run."""
    return NewEvent.of("thing-happened", {"pace": "slow"})


async def fill(store: EventStore, count: int, *, streams: int = 3) -> None:
    """Append *count* events, spread over some streams."""
    await asyncio.gather(
        *(store.append(f"thing-{n % streams}", [some_event(n)]) for n in range(count))
    )


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for *condition* to hold."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - the server's side has no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Give a connection of the test's own to the database of *url*."""
    connection: Connection = await asyncpg.connect(url.partition("?")[0])
    try:
        yield connection
    finally:
        await connection.close()


class Gate:
    """Holds slow appends: their position is taken and their transaction open."""

    def __init__(self, connection: Connection) -> None:
        """Use *connection* to hold them and to look who waits."""
        self._connection = connection

    async def close(self) -> None:
        """Hold what comes from now on."""
        await self._connection.execute(f"SELECT pg_advisory_lock({GATE})")

    async def open(self) -> None:
        """Let go what is held."""
        await self._connection.execute(f"SELECT pg_advisory_unlock({GATE})")

    async def held(self) -> list[int]:
        """Return the process ids of the server that are held."""
        rows = await self._connection.fetch(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        )
        return [row["pid"] for row in rows]

    async def behind(self) -> int:
        """Return how many transactions wait for another one to end."""
        found = await self._connection.fetchval(
            "SELECT count(DISTINCT pid) FROM pg_locks AS l JOIN pg_stat_activity USING (pid)"
            " WHERE NOT granted AND locktype <> 'advisory' AND datname = current_database()"
        )
        return int(found)


@asynccontextmanager
async def gate_at(url: str) -> AsyncIterator[Gate]:
    """Give a gate for the slow events of the store at *url*, which is there already."""
    async with connected(url) as connection:
        await connection.execute(HOLD_SLOW)
        yield Gate(connection)


Open = Callable[..., Awaitable[EventStore]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Return a function that opens a store, which is closed when the test is over."""
    async with AsyncExitStack() as stack:

        async def open_one(url: str, **settings: object) -> EventStore:
            store = await open_store(with_settings(url, **settings) if settings else url)
            stack.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
async def store(postgres_url: str, opened: Open) -> EventStore:
    """Return an open store in an empty database."""
    return await opened(postgres_url)
