"""Stepping: each event shows what it did, and going back leads to exactly what was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.application import Application
from backstory.core.errors import HandlerFailed
from backstory.core.events import NewEvent
from backstory.core.history import History
from backstory.domain.decider import Decider
from backstory.projections.database import Values
from backstory.projections.parked_table import list_parked
from backstory.projections.policy import Park
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.session import Session
from backstory.timemachine.states import State
from backstory.timemachine.stepping.journal import Kind
from backstory.timemachine.stepping.stepper import Step, Stepper
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Renamed,
    append,
    member_table,
    members_of,
    members_projection,
    schema,
    steady_clock,
)


def fold(state: tuple[str, ...], event: object) -> tuple[str, ...]:
    """Return the kinds of events that happened to a member; some cannot be folded."""
    if isinstance(event, Renamed) and event.full_name == "unfoldable":
        message = "nobody is called so"
        raise ValueError(message)
    return (*state, type(event).__name__)


MEMBER: Decider[object, object, tuple[str, ...]] = Decider(
    initial=(), decide=lambda _, __: (), evolve=fold
)


def club(*, parking: bool = False) -> Application:
    """Return the application of members."""
    projection = members_projection()
    if parking:
        projection.on_failure = Park()
    return Application(
        name="club", schema=schema, deciders={"member": MEMBER}, projections=(projection,)
    )


names = st.sampled_from(["ann", "bob"])
happenings = st.one_of(
    st.builds(lambda name: (name, Joined(name, START)), names),
    st.builds(lambda name: (name, Renamed(name, name.title())), names),
    st.builds(lambda name: (name, Left(name)), names),
)


async def stored(happened: Sequence[tuple[str, object]]) -> MemoryStore:
    """Return a store of what *happened*, one event at a time."""
    store = MemoryStore(clock=steady_clock())
    for name, event in happened:
        await append(store, f"member-{name}", event)
    return store


async def shown(model: ReadModel) -> tuple[Sequence[Values], object, int]:
    """Return all that there is to a read model: rows, parked events, the checkpoint."""
    parked = await list_parked(model, "members", limit=99)
    places = [(event.position, event.attempts) for event in parked]
    return await members_of(model), places, await model.checkpoint("members")


@settings(deadline=None, max_examples=25)
@given(
    happened=st.lists(happenings, min_size=1, max_size=8),
    moves=st.lists(st.sampled_from([1, 1, -1, -1, None]), max_size=16),
    parking=st.booleans(),
    start=st.integers(0, 3),
)
async def test_forwards_and_back_one_sees_what_was(
    happened: list[tuple[str, object]], moves: list[int | None], *, parking: bool, start: int
) -> None:
    """Row for row the same as projecting up to there, also where handlers fail."""
    store = await stored(happened)
    end = len(happened)
    application = club(parking=parking)
    expected = []
    async with Session(application, History(store, end)) as session:
        expected = [await shown(await session.at(position)) for position in range(end + 1)]
    async with Session(application, History(store, end)) as session:
        stepper = Stepper(session)
        await stepper.to(min(start, end))
        for move in moves:
            before = stepper.position
            if move is None:  # a jump, to where it began
                assert await shown(await stepper.to(min(start, end))) == expected[min(start, end)]
                continue
            step = await (stepper.forward() if move > 0 else stepper.back())
            if step is None:
                assert before == (end if move > 0 else 0)
            else:
                assert step.event.position == max(before, stepper.position)
            assert await shown(stepper.model) == expected[stepper.position]
    await store.close()


async def steps_of(store: MemoryStore, application: Application) -> list[Step]:
    """Return every step through *store*."""
    async with Session(application, History(store, await store.head())) as session:
        stepper = Stepper(session)
        steps = []
        while (step := await stepper.forward()) is not None:
            steps.append(step)
        return steps


async def test_a_step_shows_the_event_the_states_and_the_rows() -> None:
    """All that one has to look at for one event, in one value."""
    store = await stored([("ann", Joined("ann", START)), ("ann", Renamed("ann", "Ann A."))])
    joined, renamed = await steps_of(store, club())
    assert (joined.before, joined.after) == (State((), None), State(("Joined",), 0))
    assert renamed.after == State(("Joined", "Renamed"), 1)
    [inserted] = joined.changes
    assert (inserted.table, inserted.kind) == (member_table.name, Kind.INSERTED)
    [updated] = renamed.changes
    assert updated.columns == ("full_name", "renamed")
    assert (updated.before, updated.after) != (None, None)
    await store.close()


async def test_the_event_at_which_a_handler_fails_is_shown_with_its_line() -> None:
    """The projection stands still from there, and says so at every later step."""
    twice = [("ann", Joined("ann", START))] * 2
    store = await stored([*twice, ("bob", Joined("bob", START))])
    well, guilty, later = await steps_of(store, club())
    assert (well.failures, well.standing) == ({}, ())
    assert isinstance(guilty.failures["members"], HandlerFailed)
    assert "members.py" in str(guilty.failures["members"])
    assert (guilty.changes, guilty.standing) == ([], ())
    assert (later.changes, later.failures, later.standing) == ([], {}, ("members",))
    await store.close()


async def test_a_fold_that_fails_is_shown_and_the_rest_goes_on() -> None:
    """The bug may be in `evolve`; the rows are another matter."""
    store = await stored([("ann", Joined("ann", START)), ("ann", Renamed("ann", "unfoldable"))])
    _, broken = await steps_of(store, club())
    assert isinstance(broken.fold_failure, ValueError)
    assert (broken.before, broken.after) == (State(("Joined",), 0), None)
    assert len(broken.changes) == 1
    await store.close()


async def test_streams_without_a_decider_have_no_state() -> None:
    """There is nothing to fold them with."""
    store = MemoryStore()
    await store.append("other-1", [NewEvent.of("noted", {"text": "rain"})])
    [step] = await steps_of(store, club())
    assert (step.before, step.after, step.fold_failure, step.changes) == (None, None, None, [])
    await store.close()


@pytest.mark.parametrize("position", [0, 2])
async def test_an_empty_direction_is_none(position: int) -> None:
    """Before the first event and behind the last one there is nothing."""
    store = await stored([("ann", Joined("ann", START)), ("bob", Joined("bob", START))])
    async with Session(club(), History(store, 2)) as session:
        stepper = Stepper(session)
        await stepper.to(position)
        assert await (stepper.forward() if position else stepper.back()) is None
        assert stepper.position == position
    await store.close()
