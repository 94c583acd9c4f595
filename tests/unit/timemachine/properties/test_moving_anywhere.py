"""Moving through random histories: by steps and by jumps, one sees what the events say."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.core.history import History
from backstory.timemachine.asof import project
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from backstory.timemachine.stepping.stepper import Step, Stepper
from tests.unit.timemachine.properties.histories import eventful, histories
from tests.unit.timemachine.properties.places import Places, Stored, assert_true
from tests.unit.timemachine.properties.reference import Happened, Truth, truths
from tests.unit.timemachine.properties.rich import APPLICATION, metadata

_EXAMPLES: Final = 8
_ON_SQLITE: Final = pytest.mark.parametrize("engines", [("sqlite", "sqlite")], indirect=True)
_usual = settings(
    max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _check_step(step: Step, before: Truth, after: Truth) -> None:
    """Check that what *step* says it changed is what is different behind it."""
    changed = {change.table for change in step.changes}
    tables = {table.name for table in metadata.sorted_tables}
    assert {name for name in tables if before.rows[name] != after.rows[name]} <= changed <= tables
    position = step.event.position
    new = {name for name, place in after.places.items() if position in place.stops}
    stood = {name for name, place in before.places.items() if place.stops}
    assert (set(step.failures), set(step.standing)) == (new, stood)


async def step_everywhere(
    stored: Stored, expected: Sequence[Truth], start: int, moves: Sequence[int]
) -> None:
    """Go to the end from *start*, by steps; as *moves* say from there; and back to the start."""
    end = len(expected) - 1
    async with Session(APPLICATION, History(stored.store, end)) as session:
        stepper = Stepper(session)
        await stepper.to(start)
        forwards: dict[int, Step] = {}
        for move in [1] * (end - start) + list(moves) + [-1] * end:
            before = stepper.position
            step = await (stepper.forward() if move > 0 else stepper.back())
            after = stepper.position
            assert after == min(max(before + move, 0), end)
            await assert_true(stepper.model, expected[after], after)
            if step is None:
                assert before == after
                continue
            reached = max(before, after)
            _check_step(step, expected[reached - 1], expected[reached])
            # What going back shows is what going there showed.
            shown = forwards.setdefault(reached, step)
            assert (step.before, step.after) == (shown.before, shown.after)
            assert step.changes == shown.changes


@_ON_SQLITE
@_usual
@given(
    happened=histories(7),
    start=st.integers(0, 7),
    moves=st.lists(st.sampled_from([1, -1, -1]), max_size=8),
)
async def test_stepping_back_leads_to_what_was_before_stepping_forward(
    places: Places, happened: list[Happened], start: int, moves: list[int]
) -> None:
    """Whichever way one came: the rows, what is parked, and how each projection stands."""
    async with places.store_of(happened, "sqlite") as stored:
        expected = truths(happened, stored.recorded)
        await step_everywhere(stored, expected, min(start, len(happened)), moves)


@_ON_SQLITE
async def test_there_and_back_and_there_again(places: Places) -> None:
    """Through all that can happen; rows get the numbers that they got the first time."""
    happened = eventful()
    end = len(happened)
    async with places.store_of(happened, "sqlite") as stored:
        expected = truths(happened, stored.recorded)
        await step_everywhere(stored, expected, 0, [-1] * end + [1] * end)


@_ON_SQLITE
@_usual
@given(
    happened=histories(7),
    jumps=st.lists(st.tuples(st.integers(0, 7), st.booleans()), min_size=2, max_size=6),
    snapshot=st.none() | st.integers(1, 7),
)
async def test_jumping_about_leads_to_what_the_events_say(
    places: Places,
    happened: list[Happened],
    jumps: list[tuple[int, bool]],
    snapshot: int | None,
) -> None:
    """Whatever was looked at before, and kept or not; with a snapshot and without."""
    end = len(happened)
    async with places.store_of(happened, "sqlite") as stored:
        expected = truths(happened, stored.recorded)
        with TemporaryDirectory() as place:
            folder = Folder(place)
            if snapshot is not None:
                async with places.models("sqlite") as models:
                    model = await models.empty()
                    past = History(stored.store, min(snapshot, end))
                    await project(APPLICATION, past, model)
                    await take_snapshot(APPLICATION, stored.store, model, folder)
            whole = History(stored.store, end)
            async with Session(APPLICATION, whole, snapshots=folder) as session:
                for jump, kept in jumps:
                    position = min(jump, end)
                    await assert_true(await session.at(position), expected[position], position)
                    if kept:
                        await session.remember()


@_ON_SQLITE
@_usual
@given(happened=histories(7), data=st.data())
async def test_who_lagged_is_shown_as_of_where_it_was(
    places: Places, happened: list[Happened], data: st.DataObject
) -> None:
    """Each projection has a moment of its own, as live ones have."""
    end = len(happened)
    names = [projection.name for projection in APPLICATION.projections]
    behind = data.draw(st.dictionaries(st.sampled_from(names), st.integers(0, end)))
    async with places.store_of(happened, "sqlite") as stored:
        expected = truths(happened, stored.recorded)
        past = History(stored.store, end)
        async with Session(APPLICATION, past, behind=behind) as session:
            model = await session.at(end)
            for projection in APPLICATION.projections:
                position = behind.get(projection.name, end)
                truth = expected[position]
                wanted = Truth(
                    {table.name: truth.rows[table.name] for table in projection.tables},
                    {projection.name: truth.parked[projection.name]},
                    {projection.name: truth.places[projection.name]},
                )
                await assert_true(model, wanted, position)
