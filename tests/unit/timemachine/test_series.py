"""Snapshots on the way of one replay: one after every so many events, and at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from backstory.application import Application
from backstory.core.errors import SnapshotRefused
from backstory.core.history import History
from backstory.stores.memory import MemoryStore
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.series import take_series
from tests.unit.projections.members import join_all, members_projection, schema

APPLICATION = Application(name="club", schema=schema, projections=(members_projection(),))
NAMES = [f"m{number}" for number in range(7)]


async def taken(store: MemoryStore, folder: Folder, every: int | None) -> list[int]:
    """Return the positions of the snapshots that are taken."""
    history = History(store, await store.head())
    async with Session(APPLICATION, history) as session:
        return [manifest.position async for manifest in take_series(session, folder, every=every)]


async def test_there_is_one_after_every_so_many_events(store: MemoryStore, tmp_path: Path) -> None:
    """And at the end; those that are there are left as they are."""
    folder = Folder(str(tmp_path))
    await join_all(store, NAMES)
    assert await taken(store, folder, 3) == [3, 6, 7]
    assert folder.positions() == [3, 6, 7]
    assert await taken(store, folder, 2) == [2, 4]
    assert await taken(store, folder, None) == [7]


async def test_a_projection_that_stopped_has_no_snapshot(
    store: MemoryStore, tmp_path: Path
) -> None:
    """It would not be one of everything; those before it are."""
    folder = Folder(str(tmp_path))
    await join_all(store, NAMES[:5])
    await join_all(store, ["m0"])  # there is one already
    with pytest.raises(SnapshotRefused, match="stopped before position 6"):
        await taken(store, folder, 2)
    assert folder.positions() == [2, 4]
