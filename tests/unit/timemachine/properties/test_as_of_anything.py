"""All read models as of every position of random histories, on every engine, by every way."""

from __future__ import annotations

from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.history import History
from backstory.core.store import EventStore
from backstory.timemachine import asof
from backstory.timemachine.asof import as_of, project
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from tests.unit.timemachine.properties.histories import eventful, histories, stopping_early
from tests.unit.timemachine.properties.places import Places, assert_true
from tests.unit.timemachine.properties.reference import Happened, truths
from tests.unit.timemachine.properties.rich import APPLICATION

_QUICK: Final = 12
_ON_A_SERVER: Final = 3

ENGINES: Final = (
    ("sqlite", "sqlite"),
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("postgresql", "postgresql"),
)


async def take_snapshots(
    store: EventStore, wanted: Mapping[int, str], places: Places, folder: Folder
) -> None:
    """Take a snapshot at each of the *wanted* positions, of a read model on that engine."""
    for engine in sorted(set(wanted.values())):
        async with places.models(engine) as models:
            rolling = await models.empty()
            for position in sorted(at for at, where in wanted.items() if where == engine):
                await project(APPLICATION, History(store, position), rolling)
                manifest = await take_snapshot(APPLICATION, store, rolling, folder)
                assert manifest.position == position


async def compare_everywhere(
    happened: list[Happened], engines: tuple[str, str], places: Places, snapshots: Mapping[int, str]
) -> None:
    """Compare the read models as of each position with what the events say."""
    source, target = engines
    async with places.store_of(happened, source) as stored, places.models(target) as models:
        expected = truths(happened, stored.recorded)
        with TemporaryDirectory() as place:
            folder = Folder(place)
            await take_snapshots(stored.store, snapshots, places, folder)
            for position, truth in enumerate(expected):
                for begun in (folder, None) if snapshots else (None,):
                    model = await models.empty()
                    past = History(stored.store, position)
                    found = await as_of(APPLICATION, past, model, snapshots=begun)
                    nearest = max((at for at in snapshots if at <= position), default=None)
                    assert found.snapshot == (nearest if begun else None)
                    assert found.anew == {}
                    await assert_true(model, truth, position)


@pytest.mark.parametrize("engines", ENGINES[:1], indirect=True, ids="-to-".join)
@settings(max_examples=_QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_as_of_is_what_the_events_say_at_every_position(
    engines: tuple[str, str], places: Places, data: st.DataObject
) -> None:
    """Row for row, number for number; what is parked and what stopped, too; by any snapshot."""
    happened = data.draw(histories(8))
    snapshots = data.draw(_snapshots(len(happened), engines))
    await compare_everywhere(happened, engines, places, snapshots)


@pytest.mark.parametrize("engines", ENGINES[1:], indirect=True, ids="-to-".join)
@settings(max_examples=_ON_A_SERVER, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_as_of_is_what_the_events_say_at_every_position_with_a_server(
    engines: tuple[str, str], places: Places, data: st.DataObject
) -> None:
    """The same with events, read models, snapshots or all of them in PostgreSQL."""
    happened = data.draw(histories(6))
    snapshots = data.draw(_snapshots(len(happened), engines))
    await compare_everywhere(happened, engines, places, snapshots)


@pytest.mark.parametrize("engines", ENGINES, indirect=True, ids="-to-".join)
async def test_whichever_snapshot_one_begins_with_one_comes_to_the_same(
    engines: tuple[str, str], places: Places
) -> None:
    """A snapshot of either engine, taken anywhere in a history of all that can happen."""
    happened = eventful()
    end = len(happened)
    source, target = engines
    async with places.store_of(happened, source) as stored, places.models(target) as models:
        expected = truths(happened, stored.recorded)
        assert expected[end].places["orders"].stops == [13]
        assert [len(expected[end].parked[name]) for name in ("catalogue", "activity")] == [3, 3]
        for position in range(2, end, 3):
            with TemporaryDirectory() as place:
                folder = Folder(place)
                await take_snapshots(stored.store, {position: source}, places, folder)
                model = await models.empty()
                found = await as_of(
                    APPLICATION, History(stored.store, end), model, snapshots=folder
                )
                assert found.snapshot == position
                await assert_true(model, expected[end], end)


@pytest.mark.parametrize("engines", ENGINES[:1], indirect=True, ids="-to-".join)
async def test_a_partition_that_stops_keeps_no_other_from_going_on(
    engines: tuple[str, str], places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under workers: what is there must not depend on who was quicker."""
    monkeypatch.setattr(asof, "_PAGE", 1)
    happened = stopping_early()
    end = len(happened)
    source, target = engines
    async with places.store_of(happened, source) as stored, places.models(target) as models:
        truth = truths(happened, stored.recorded)[end]
        assert truth.places["picking"].stops == [2]
        assert len(truth.rows["pick"]) > 3
        model = await models.empty()
        await as_of(APPLICATION, History(stored.store, end), model)
        await assert_true(model, truth, end)


def _snapshots(last: int, engines: tuple[str, str]) -> st.SearchStrategy[dict[int, str]]:
    where = st.sampled_from(sorted(set(engines)))
    return st.dictionaries(st.integers(1, last), where, max_size=2)
