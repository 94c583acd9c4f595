"""A session: one local copy that goes to any moment, and is always what was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.application import Application
from backstory.core.errors import InvalidInput
from backstory.core.history import History
from backstory.projections.database import Values
from backstory.stores.memory import MemoryStore
from backstory.timemachine import session as sessions
from backstory.timemachine.asof import project
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from tests.unit.projections.members import (
    Renamed,
    append,
    join_all,
    members_of,
    members_projection,
    schema,
    steady_clock,
)
from tests.unit.timemachine.conftest import OpenModel

APPLICATION = Application(name="club", schema=schema, projections=(members_projection(),))


async def a_history() -> tuple[MemoryStore, list[Sequence[Values]]]:
    """Return a store, and the rows there are after each of its positions."""
    store = MemoryStore(clock=steady_clock())
    await join_all(store, ["ann", "bob", "cleo"])
    for count in range(5):
        await append(store, "member-bob", Renamed("bob", f"Bob {count}"))
    states: list[Sequence[Values]] = []
    async with Session(APPLICATION, History(store, 8)) as session:
        for position in range(9):
            model = await session.at(position)
            states.append(await members_of(model))
    return store, states


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=8))
async def test_however_one_moves_one_sees_what_was(moves: list[tuple[int, bool]]) -> None:
    """Forwards, back, by way of memos; and what somebody wrote there is gone."""
    store, states = await a_history()
    assert [len(rows) for rows in states] == [0, 1, 2, 3, 3, 3, 3, 3, 3]
    async with Session(APPLICATION, History(store, 8)) as session:
        for position, remember in moves:
            model = await session.at(position)
            assert session.position == position
            assert await members_of(model) == states[position]
            if remember:
                await session.remember()
                assert position in session.memos
    await store.close()


async def test_it_begins_with_a_snapshot_and_replays_only_what_is_behind(
    store: MemoryStore, open_model: OpenModel, tmp_path: Path
) -> None:
    """A log of a million events must not be replayed for its end."""
    folder = Folder(str(tmp_path / "snapshots"))
    end = await join_all(store, ["ann", "bob", "cleo", "dan"])
    live = await open_model()
    await project(APPLICATION, History(store, 3), live)
    await take_snapshot(APPLICATION, store, live, folder)
    async with Session(APPLICATION, History(store, end), snapshots=folder) as session:
        assert len(await members_of(await session.at(end))) == 4
        assert len(await members_of(await session.at(3))) == 3
        assert len(await members_of(await session.at(1))) == 1


async def test_long_replays_are_remembered_by_themselves(
    monkeypatch: pytest.MonkeyPatch, store: MemoryStore
) -> None:
    """Who steps about in the neighbourhood waits once."""
    monkeypatch.setattr(sessions, "_WORTH_A_MEMO", 4)
    monkeypatch.setattr(sessions, "_MARGIN", 2)
    await join_all(store, [f"m{number}" for number in range(9)])
    async with Session(APPLICATION, History(store, 9)) as session:
        await session.at(6)
        await session.at(8)
        await session.at(7)
        assert session.memos == (4,)  # from where both neighbours are at hand
        assert [stand.position for stand in session.stands] == [7]


async def test_nothing_stays_behind_and_wrong_use_is_told(store: MemoryStore) -> None:
    """It is a place to look around in, not one more database to care for."""
    await join_all(store, ["ann"])
    async with Session(APPLICATION, History(store, 1)) as session:
        model = await session.at(1)
        file = Path(str(model.database.engine.url.database))
        assert file.exists()
        with pytest.raises(InvalidInput, match="from 0 to 1, not to 2"):
            await session.at(2)
    assert not file.parent.exists()
    with pytest.raises(InvalidInput, match="async with"):
        await Session(APPLICATION, History(store, 1)).at(1)
