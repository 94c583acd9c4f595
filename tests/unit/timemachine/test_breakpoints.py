"""Breakpoints: a run stops where stepping one by one would have seen the condition met."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.application import Application
from backstory.core.errors import InvalidInput
from backstory.core.events import NewEvent
from backstory.core.history import History
from backstory.domain.decider import Decider
from backstory.stores.memory import MemoryStore
from backstory.timemachine.session import Session
from backstory.timemachine.stepping import running
from backstory.timemachine.stepping.breakpoints import Breakpoint
from backstory.timemachine.stepping.expressions import Expression
from backstory.timemachine.stepping.running import run_until
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


def fold(state: dict[str, object] | None, event: object) -> dict[str, object] | None:
    """Return a member: who it is, and what it is called."""
    if isinstance(event, Renamed) and event.full_name == "unfoldable":
        message = "nobody is called so"
        raise ValueError(message)
    if isinstance(event, Left):
        return None
    assert isinstance(event, Joined | Renamed)
    return {**(state or {}), "name": {"full": getattr(event, "full_name", event.name)}}


MEMBER: Decider[object, object, dict[str, object] | None] = Decider(
    initial=None, decide=lambda _, __: (), evolve=fold
)
HAPPENED: Sequence[tuple[str, object]] = (
    ("member-ann", Joined("ann", START)),
    ("member-bob", Joined("bob", START)),
    ("member-ann", Renamed("ann", "Ann A.")),
    ("guest-ann", Renamed("ann", "Ann A.")),
    ("member-bob", Renamed("bob", "unfoldable")),
    ("member-ann", Left("ann")),
    ("member-bob", Joined("bob", START)),
)


def club() -> Application:
    """Return the application of members."""
    return Application(
        name="club", schema=schema, deciders={"member": MEMBER}, projections=(members_projection(),)
    )


async def stored(happened: Sequence[tuple[str, object]]) -> MemoryStore:
    """Return a store of what *happened*, one event at a time."""
    store = MemoryStore(clock=steady_clock())
    for stream, event in happened:
        await append(store, stream, event)
    return store


async def stops(
    store: MemoryStore, *breakpoints: Breakpoint, backwards: bool = False, end: int | None = None
) -> list[int]:
    """Return the positions of the events at which runs from one end to the other stop."""
    async with Session(club(), History(store, await store.head())) as session:
        stepper = Stepper(session)
        await stepper.to(await store.head() if backwards else 0)
        found = []
        while step := await run_until(stepper, breakpoints, backwards=backwards, end=end):
            found.append(step.event.position)
            assert stepper.position == step.event.position - backwards
        assert stepper.position == (0 if backwards else await store.head()) or end is not None
        return found


def kinds() -> dict[str, tuple[Breakpoint, list[int]]]:
    """Return every kind of breakpoint, with the positions in what happened that meet it."""
    of_ann = {"name": "ann"}
    failing = Expression("event.full_name.startswith('Ann')", schema)
    return {
        "type": (Breakpoint.on_type("renamed"), [3, 4, 5]),
        "some types": (Breakpoint.on_type("*e*t*"), [6]),
        "stream": (Breakpoint.on_stream("member-ann"), [1, 3, 6]),
        "some streams": (Breakpoint.on_stream("*-ann"), [1, 3, 4, 6]),
        "streams of a category": (Breakpoint.on_stream("member-a*"), [1, 3, 6]),
        "category": (Breakpoint.on_category("guest"), [4]),
        "column": (Breakpoint.on_column(member_table, "full_name", where=of_ann), [1, 3, 6]),
        "any column": (Breakpoint.on_column(member_table, where=of_ann), [1, 3, 4, 6]),
        "number as a text": (Breakpoint.on_column(member_table, where={"renamed": "2"}), [4, 6]),
        "state": (Breakpoint.on_state("member-ann", "name.full"), [1, 3, 6]),
        "state that is lost": (Breakpoint.on_state("member-bob"), [2, 5]),
        "failure": (Breakpoint.on_failure(), [5, 7]),
        "predicate": (Breakpoint.when(lambda step: step.event.revision == 2), [6, 7]),
        "expression": (Breakpoint.when(failing), [3, 4]),
        "nothing": (Breakpoint.on_stream("member-nobody"), []),
    }


@pytest.mark.parametrize("kind", list(kinds()))
async def test_each_kind_stops_where_it_is_met(kind: str) -> None:
    """Forwards and back."""
    store = await stored(HAPPENED)
    found, expected = kinds()[kind]
    assert await stops(store, found) == expected
    assert await stops(store, found, backwards=True) == expected[::-1]
    await store.close()


happenings = st.sampled_from([*HAPPENED, ("other", Joined("cid", START))])
selective = st.sampled_from(
    ["type", "some types", "stream", "some streams", "streams of a category", "category", "state"]
)


@settings(deadline=None, max_examples=12)
@given(
    happened=st.lists(happenings, min_size=1, max_size=12),
    chosen=st.lists(selective, max_size=3, unique=True),
    backwards=st.booleans(),
    far=st.sampled_from([0, 2]),
)
async def test_a_jump_misses_nothing_that_steps_would_have_met(
    happened: list[tuple[str, object]], chosen: list[str], *, backwards: bool, far: int
) -> None:
    """Several breakpoints at once, of which each knows where it may be met."""
    store = await stored(happened)
    breakpoints = [kinds()[kind][0] for kind in chosen]
    looked_at = Breakpoint.when(lambda step: any(each.hits(step) for each in breakpoints))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_FAR", far)
        jumped = await stops(store, *breakpoints, backwards=backwards)
    assert jumped == await stops(store, looked_at, backwards=backwards)
    await store.close()


@pytest.mark.parametrize(("backwards", "end", "expected"), [(False, 4, [1, 3]), (True, 1, [6, 3])])
async def test_a_run_ends_where_it_is_told_to(
    *, backwards: bool, end: int, expected: list[int]
) -> None:
    """Nothing behind the end is done, nothing before it undone."""
    store = await stored(HAPPENED)
    for found in (Breakpoint.on_stream("member-ann"), kinds()["column"][0]):
        assert await stops(store, found, backwards=backwards, end=end) == expected
    await store.close()


async def test_what_is_far_away_is_jumped_to() -> None:
    """A thousand events are replayed in batches; the rows are those of a step by step."""
    many = [(f"member-{n}", Joined(f"{n}", START)) for n in range(1_000)]
    store = await stored([*many, ("member-7", Renamed("7", "Seven"))])
    told: list[int] = []
    async with Session(club(), History(store, 1_001)) as session:
        stepper = Stepper(session)
        wanted = [Breakpoint.on_type("renamed")]
        step = await run_until(stepper, wanted, tell=told.append)
        assert step is not None
        assert (step.event.position, len(step.changes), told) == (1_001, 1, [])
        assert len(await members_of(stepper.model)) == 1_000
        back = await run_until(stepper, [Breakpoint.on_stream("member-3")], backwards=True)
        assert back is not None
        assert (stepper.position, len(await members_of(stepper.model))) == (3, 3)
    await store.close()


async def test_what_is_told_may_end_a_run() -> None:
    """How Ctrl-C ends one: it stands where it had come to, and can go on."""
    store = await stored(HAPPENED)

    def enough(position: int) -> None:
        if position == 2:
            raise KeyboardInterrupt

    async with Session(club(), History(store, 7)) as session:
        stepper = Stepper(session)
        with pytest.raises(KeyboardInterrupt):
            await run_until(stepper, [Breakpoint.on_failure()], tell=enough)
        assert stepper.position == 2
        step = await stepper.forward()
        assert step is not None
        assert step.event.position == 3
    await store.close()


@pytest.mark.parametrize(
    "made",
    [
        lambda: Breakpoint.on_category("member-ann"),
        lambda: Breakpoint.on_column(member_table, "fullName"),
        lambda: Breakpoint.on_column(member_table, "full_name", where={"nmae": "ann"}),
        lambda: Breakpoint.on_state("member-ann", "name..full"),
        lambda: Expression("event.full_name =", schema),
        lambda: Expression("import os", schema),
        lambda: Expression("a\0b", schema),
    ],
)
def test_what_could_never_be_met_is_refused(made: Callable[[], object]) -> None:
    """A name that is misspelt is told at once, not after a run over everything."""
    with pytest.raises(InvalidInput):
        made()


async def steps_of(store: MemoryStore) -> list[Step]:
    """Return every step through *store*."""
    async with Session(club(), History(store, await store.head())) as session:
        stepper = Stepper(session)
        steps = []
        while (step := await stepper.forward()) is not None:
            steps.append(step)
        return steps


async def test_an_expression_knows_the_event_the_states_and_the_rows() -> None:
    """Each name that the documentation gives."""
    store = await stored(HAPPENED[:3])
    last = (await steps_of(store))[-1]
    for text in (
        "event.full_name == 'Ann A.' and recorded.stream == 'member-ann'",
        "before['name']['full'] != after['name']['full']",
        "any(change.table == recorded.category for change in changes)",
        "step.changes is changes and not failures",
    ):
        wanted = Expression(text, schema)
        assert (wanted(last), wanted.failure) == (True, None)
    await store.close()


async def test_an_expression_that_fails_does_not_hold_and_says_why() -> None:
    """Most events have no such field; a misspelt one has none anywhere."""
    store = await stored(HAPPENED[:3])
    wanted = Expression("event.full_nmae", schema)
    assert [wanted(step) for step in await steps_of(store)] == [False, False, False]
    assert wanted.failed == 3
    assert "full_nmae" in str(wanted.failure)
    assert "'member-ann' revision 0" in str(wanted.failure)
    await store.close()


async def test_an_event_of_no_known_type_is_plain_json_to_an_expression() -> None:
    """An old store holds types that nobody decodes any more."""
    store = MemoryStore()
    await store.append("member-ann", [NewEvent.of("forgotten", {"why": "rain"})])
    [step] = await steps_of(store)
    assert Expression("event['why'] == 'rain'", schema)(step)
    await store.close()
