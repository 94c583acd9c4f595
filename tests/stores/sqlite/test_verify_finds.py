from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from backstory import Fault, open_store
from backstory.core.store import Verifying
from tests.stores.sqlite.conftest import fill, url_of


async def faults_after(path: Path, *damage: str) -> set[str]:
    """Return the kinds of fault that verify finds after the SQL of *damage* was run on a store."""
    store = await open_store(url_of(path))
    await fill(store, 60)
    await store.close()
    connection = apsw.Connection(str(path))
    for statement in damage:
        connection.execute(statement)
    connection.close()
    reopened = await open_store(url_of(path))
    assert isinstance(reopened, Verifying)
    found = [fault async for fault in reopened.verify()]
    await reopened.close()
    return {fault.kind for fault in found if isinstance(fault, Fault)}


async def test_a_sound_store_has_no_faults(path: Path) -> None:
    """Nothing is reported where nothing is wrong."""
    assert await faults_after(path) == set()


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("DELETE FROM events WHERE position = 30", "gap"),
        ("DELETE FROM events WHERE position = 30", "revision"),
        ("UPDATE events SET recorded_us = 5 WHERE position = 40", "time"),
        ("UPDATE events SET id = x'0102' WHERE position = 10", "id"),
        ("UPDATE events SET data = '{broken' WHERE position = 10", "payload"),
        ("UPDATE events SET metadata = '[]' WHERE position = 10", "payload"),
        ("UPDATE events SET revision = 900 WHERE position = 58", "revision"),
        ("UPDATE events SET kind = 77 WHERE position = 60", "reference"),
        ("UPDATE kinds SET category = 'other'", "kind"),
    ],
)
async def test_each_broken_promise_is_found(path: Path, damage: str, kind: str) -> None:
    """Every rule a store must keep is one that verify checks."""
    assert kind in await faults_after(path, damage)


async def test_events_whose_order_differs_from_their_revisions_are_found(path: Path) -> None:
    """Positions must rise with revisions."""
    swap = (
        "UPDATE events SET revision = 100 WHERE stream = 'thing-1' AND revision = 3",
        "UPDATE events SET revision = 3 WHERE stream = 'thing-1' AND revision = 4",
        "UPDATE events SET revision = 4 WHERE stream = 'thing-1' AND revision = 100",
    )
    assert await faults_after(path, *swap) == {"revision"}


async def test_a_damaged_page_is_found(path: Path) -> None:
    """SQLite's own check is part of the verification."""
    store = await open_store(url_of(path))
    await fill(store, 2_000, streams=400)
    await store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096)
    reopened = await open_store(url_of(path))
    assert isinstance(reopened, Verifying)
    found = [fault async for fault in reopened.verify() if isinstance(fault, Fault)]
    await reopened.close()
    assert found
