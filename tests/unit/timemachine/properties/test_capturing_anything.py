"""Captures of random histories: from the file alone, all read models as they were."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.history import History
from backstory.timemachine.asof import as_of, project
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.captures.slices import Choice
from backstory.timemachine.captures.writing import Wanted, slice_since, write_capture
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from backstory.timemachine.sources import open_source
from tests.unit.timemachine.properties.histories import histories
from tests.unit.timemachine.properties.places import Models, Places, Stored, assert_true
from tests.unit.timemachine.properties.reference import Happened, truths
from tests.unit.timemachine.properties.rich import APPLICATION

_EXAMPLES: Final = 6


async def _capture(stored: Stored, models: Models, folder: Path, since: int, until: int) -> Path:
    """Capture what happened up to *until*: everything, or what there is behind a snapshot."""
    past = History(stored.store, until)
    if since == 0:
        return (await write_capture(APPLICATION, past, folder / "all", Wanted())).path
    snapshots = Folder(str(folder / "snapshots"))
    rolling = await models.empty()
    await project(APPLICATION, past.up_to(since), rolling)
    await take_snapshot(APPLICATION, stored.store, rolling, snapshots)
    choice = Choice(slice=Slice.RECENT, since=await slice_since(APPLICATION, past, snapshots))
    wanted = Wanted(choice=choice, snapshots=snapshots)
    return (await write_capture(APPLICATION, past, folder / "recent", wanted)).path


@pytest.mark.parametrize("engines", [("sqlite", "sqlite")], indirect=True, ids="-to-".join)
@settings(max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=histories(7), data=st.data())
async def test_a_capture_holds_what_the_events_say_at_every_position(
    places: Places, happened: list[Happened], data: st.DataObject
) -> None:
    """Whether it holds every event, or begins with a snapshot; also where projections stopped."""
    until = data.draw(st.integers(1, len(happened)))
    since = data.draw(st.integers(0, until))
    async with (
        places.store_of(happened, "sqlite") as stored,
        places.models("sqlite") as models,
    ):
        expected = truths(happened, stored.recorded)
        with TemporaryDirectory() as folder:
            path = await _capture(stored, models, Path(folder), since, until)
            async with open_source(str(path)) as source:
                assert (source.at, await source.store.head()) == (until, until)
                for position in range(since, until + 1):
                    model = await models.empty()
                    past = History(source.store, position)
                    found = await as_of(APPLICATION, past, model, snapshots=source.snapshots)
                    assert found.snapshot == (since or None)
                    await assert_true(model, expected[position], position)
