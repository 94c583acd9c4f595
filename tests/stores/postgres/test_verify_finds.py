from __future__ import annotations

import pytest

from backstory import Fault
from backstory.core.store import Verifying
from tests.stores.postgres.conftest import Open, connected, fill

BEHIND_ITS_BACK = (
    "SET search_path TO backstory; SET session_replication_role = replica;"
    " SET enable_indexscan = off; SET enable_bitmapscan = off"
)
"""An administrator who means it: triggers are off, and tables are read as they are."""


async def faults_after(url: str, opened: Open, *damage: str) -> set[str]:
    """Return the kinds of fault that verify finds after the SQL of *damage* was run on a store."""
    store = await opened(url)
    await fill(store, 60)
    async with connected(url) as connection:
        await connection.execute(BEHIND_ITS_BACK)
        for statement in damage:
            await connection.execute(statement)
    assert isinstance(store, Verifying)
    found = [fault async for fault in store.verify()]
    return {fault.kind for fault in found if isinstance(fault, Fault)}


async def test_a_sound_store_has_no_faults(postgres_url: str, opened: Open) -> None:
    """Nothing is reported where nothing is wrong."""
    assert await faults_after(postgres_url, opened) == set()


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("DELETE FROM events WHERE position = 30", "gap"),
        ("DELETE FROM events WHERE position = 30", "revision"),
        ("UPDATE events SET recorded_us = 5 WHERE position = 40", "time"),
        ("UPDATE events SET data = '1e999', size = 7 WHERE position = 10", "payload"),
        ("UPDATE events SET metadata = '[]', size = 4 WHERE position = 10", "payload"),
        ("UPDATE events SET size = 1 WHERE position = 10", "kind"),
        ("UPDATE events SET revision = 900 WHERE position = 58", "revision"),
        ("UPDATE events SET kind = 77 WHERE position = 60", "kind"),
        ("UPDATE events SET kind = 77 WHERE position = 60", "unreadable"),
        ("UPDATE kinds SET category = 'other'", "kind"),
        ("DROP TABLE kinds CASCADE", "unreadable"),
    ],
)
async def test_each_broken_promise_is_found(
    postgres_url: str, opened: Open, damage: str, kind: str
) -> None:
    """Every rule a store must keep is one that verify checks."""
    assert kind in await faults_after(postgres_url, opened, damage)


async def test_events_whose_order_differs_from_their_revisions_are_found(
    postgres_url: str, opened: Open
) -> None:
    """Positions must rise with revisions."""
    swap = (
        "UPDATE events SET revision = 100 WHERE stream = 'thing-1' AND revision = 3",
        "UPDATE events SET revision = 3 WHERE stream = 'thing-1' AND revision = 4",
        "UPDATE events SET revision = 4 WHERE stream = 'thing-1' AND revision = 100",
    )
    assert await faults_after(postgres_url, opened, *swap) == {"revision"}


@pytest.mark.parametrize(
    "index", ["events_pkey", "events_by_stream", "events_by_kind", "events_by_id"]
)
async def test_an_index_that_misses_events_is_found(
    postgres_url: str, opened: Open, index: str
) -> None:
    """Such an index hides events from readers: it comes from a broken disk or library."""
    # Rows that are stored while an index is not kept up to date are not in it.
    row = "61, 20, recorded_us, kind, size, id, 'thing-0', data, metadata"
    damage = (
        f"UPDATE pg_index SET indisready = false WHERE indexrelid = '{index}'::regclass",  # noqa: S608 - a name of ours
        f"INSERT INTO events SELECT {row} FROM events WHERE position = 60",  # noqa: S608 - as above
        f"UPDATE pg_index SET indisready = true WHERE indexrelid = '{index}'::regclass",  # noqa: S608 - as above
    )
    assert "integrity" in await faults_after(postgres_url, opened, *damage)
