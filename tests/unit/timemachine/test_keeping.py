"""Keeping the past at hand: many ask at once, each sees its own moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from backstory.application import Application
from backstory.core.errors import InvalidInput, MomentNotFound
from backstory.core.read import Read
from backstory.stores.memory import MemoryStore
from backstory.timemachine.keeping import PastModels
from tests.unit.projections.members import Left, append, join_all, members_of, members_projection
from tests.unit.projections.members import schema as member_schema

APPLICATION = Application(name="club", schema=member_schema, projections=(members_projection(),))
NAMES = ["ann", "bob", "cleo", "dan", "eve"]


async def test_many_moments_are_answered_at_once(store: MemoryStore) -> None:
    """Forwards, back, the same again, more at a time than there are copies."""
    await join_all(store, NAMES)
    past = PastModels(APPLICATION, store, keep=2)

    async def count(position: int) -> int:
        async with past.at(position) as model:
            await asyncio.sleep(0)
            return len(await members_of(model))

    asked = [3, 5, 0, 1, 5, 4, 2, 3, 3, 1]
    assert await asyncio.gather(*map(count, asked)) == asked
    await past.close()


async def test_what_comes_later_is_seen_when_it_is_asked_for(store: MemoryStore) -> None:
    """The copies go on as the log does."""
    await join_all(store, NAMES[:2])
    past = PastModels(APPLICATION, store, keep=1)
    async with past.at(2) as model:
        assert len(await members_of(model)) == 2
    with pytest.raises(MomentNotFound):
        async with past.at(3):
            pass
    await append(store, "member-ann", Left("ann"))
    for position, members in ((3, 1), (2, 2), (3, 1)):
        async with past.at(position) as model:
            assert len(await members_of(model)) == members
    await past.close()


async def test_a_time_names_a_moment(store: MemoryStore) -> None:
    """The last event recorded by then."""
    await join_all(store, NAMES)
    page = await store.read(Read())
    past = PastModels(APPLICATION, store)
    for event in page:
        async with past.at(event.recorded_at) as model:
            shown = len(await members_of(model))
        assert shown == sum(other.recorded_at <= event.recorded_at for other in page)
    async with past.at(page[0].recorded_at - timedelta(days=1)) as model:
        assert await members_of(model) == []
    await past.close()


async def test_one_who_fails_takes_nothing_from_the_others(store: MemoryStore) -> None:
    """The copy is free again, and right."""
    await join_all(store, NAMES)
    past = PastModels(APPLICATION, store, keep=1)
    with pytest.raises(ZeroDivisionError):
        async with past.at(3):
            raise ZeroDivisionError
    async with past.at(2) as model:
        assert len(await members_of(model)) == 2
    await past.close()


async def test_nothing_is_left_behind(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies are files; closing removes them."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await join_all(store, NAMES)
    past = PastModels(APPLICATION, store)
    async with past.at(3):
        assert list(tmp_path.iterdir())
    await past.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match="at least one"):
        PastModels(APPLICATION, store, keep=0)
