"""Whoever only looks at a production store leaves no query running there."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from backstory.core.errors import StoreUnavailable
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.testing.samples import facts
from tests.stores.postgres.conftest import Open

_OURS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'looking' AND state <> 'idle' AND datname = current_database()
"""


async def test_the_server_ends_what_takes_longer_than_the_reader_waits(
    postgres_url: str, store: EventStore, opened: Open
) -> None:
    """Also when the reader could not tell it any more, as a laptop that was closed."""
    await store.append("user-1", facts(1))
    looking = await opened(
        postgres_url,
        mode="ro",
        answer_timeout="0.3",
        busy_timeout="0.2",
        application_name="looking",
        notify="false",
    )
    assert len(await looking.read(Read())) == 1
    with psycopg.connect(postgres_url) as blocking:
        blocking.execute("LOCK TABLE backstory.events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable):
            await looking.read(Read())
        with psycopg.connect(postgres_url, autocommit=True) as watching:
            async with asyncio.timeout(10):
                while watching.execute(_OURS).fetchone() != (0,):  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.05)
