"""Whoever only looks at a production store leaves no query running there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import pytest

from backstory.core.errors import StoreBusy, StoreUnavailable
from backstory.core.read import Read
from backstory.core.store import EventStore, Searching, Sought
from backstory.stores.postgres.settings import PostgresSettings
from backstory.testing.samples import facts
from tests.stores.postgres.conftest import Open, connected, until

_SLOW: Final = """
    ALTER TABLE backstory.events RENAME TO held;
    CREATE VIEW backstory.events AS SELECT * FROM backstory.held WHERE pg_sleep(60) IS NOT NULL;
"""
"""Makes the server work on every statement about events for a minute and more."""

_OURS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'looking' AND state <> 'idle' AND datname = current_database()
"""

_SHORT: Final = {
    "answer_timeout": 0.5,
    "busy_timeout": 0.1,
    "reconnect_timeout": 30,
    "notify": "false",
    "application_name": "looking",
}


async def _search(store: EventStore) -> object:
    assert isinstance(store, Searching)
    return await store.search(Sought(words=("req-1",), until=10))


async def _read(store: EventStore) -> object:
    return await store.read(Read())


@pytest.mark.parametrize("pooled", ["off", "on"])
@pytest.mark.parametrize("ask", [_search, _read])
async def test_the_server_ends_what_takes_too_long_and_is_not_asked_again(
    postgres_url: str,
    opened: Open,
    ask: Callable[[EventStore], Awaitable[object]],
    pooled: str,
) -> None:
    """The error names the setting; asking again would only make the server work again."""
    await (await opened(postgres_url)).append("user-1", facts(1))
    looking = await opened(postgres_url, mode="ro", pooled=pooled, **_SHORT)
    await ask(looking)
    async with connected(postgres_url) as watching:
        await watching.execute(_SLOW)
        begun = monotonic()
        with pytest.raises(StoreUnavailable, match="raise `statement_timeout`") as raised:
            await ask(looking)
        assert not isinstance(raised.value, StoreBusy)
        assert monotonic() - begun < 10
        assert await watching.fetchval(_OURS) == 0


async def test_nothing_goes_on_running_when_the_reader_is_gone(
    postgres_url: str, opened: Open
) -> None:
    """As with a laptop that was closed: nobody told the server."""
    await (await opened(postgres_url)).append("user-1", facts(1))
    looking = await opened(postgres_url, mode="ro", statement_timeout=2, **_SHORT)
    async with connected(postgres_url) as watching:
        await watching.execute(_SLOW)

        async def running() -> bool:
            return bool(await watching.fetchval(_OURS))

        async def ended() -> bool:
            return not await running()

        reading = asyncio.create_task(_read(looking))
        await until(running)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        await asyncio.wait_for(until(ended), timeout=10)


@pytest.mark.parametrize(
    ("rest", "statement", "answer"),
    [
        ("", None, 30),
        ("?statement_timeout=5", 5, 30),
        ("?statement_timeout=60", 60, 61),
        ("?mode=ro", 30, 31),
        ("?mode=ro&answer_timeout=90", 90, 91),
        ("?mode=ro&statement_timeout=0.5", 0.5, 30),
    ],
)
def test_an_answer_is_waited_for_until_the_server_has_given_up(
    rest: str, statement: float | None, answer: float
) -> None:
    """Otherwise nobody would hear why, and one setting would need another."""
    settings = PostgresSettings.from_url(f"postgresql://host/db{rest}")
    assert settings.longest_statement == statement
    assert settings.longest_answer == answer
