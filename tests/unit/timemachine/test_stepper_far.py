"""Stepping far and past trouble: bounded memory, folds that fail, lag, cancelled steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from backstory.core.errors import InvalidInput, StoreUnavailable
from backstory.core.history import History
from backstory.projections.policy import Park
from backstory.stores.memory import MemoryStore
from backstory.timemachine.session import Session
from backstory.timemachine.stepping import stepper as module
from backstory.timemachine.stepping.stepper import Step, Stepper
from tests.unit.projections.members import START, Joined, Left, Renamed, members_of, names_of
from tests.unit.timemachine.test_breakpoints import club, stored

MANY: Sequence[tuple[str, object]] = [
    (f"member-{number}", Joined(f"{number}", START)) for number in range(40)
]


async def walked(stepper: Stepper, count: int, *, back: bool = False) -> list[Step]:
    """Step so many times, or to the end, and return the steps."""
    steps = []
    for _ in range(count):
        step = await (stepper.back() if back else stepper.forward())
        if step is None:
            break
        steps.append(step)
    return steps


async def test_however_far_one_goes_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest steps are let go of, and one can go back beyond them all the same."""
    monkeypatch.setattr(module, "_KEPT", 5)
    monkeypatch.setattr(module, "_AT_ONCE", 4)
    store = await stored(MANY)
    async with Session(club(), History(store, 40)) as session:
        stepper = Stepper(session)
        for count in range(1, 41):
            await walked(stepper, 1)
            assert len(stepper._marks) <= 10  # noqa: SLF001 - what cannot be seen from outside
            tables = stepper.model.database
            with tables.reading() as connection:
                kept = connection.exec_driver_sql(
                    "SELECT count(*) FROM temp.backstory_journal_0"
                ).scalar_one()
            assert kept <= 10
            assert stepper.position == count
        undone = await walked(stepper, 99, back=True)
        assert [step.event.position for step in undone] == list(range(40, 0, -1))
        assert await members_of(stepper.model) == []
    await store.close()


async def test_events_behind_one_that_cannot_be_folded_are_still_stepped_over() -> None:
    """Each says that there is no state, and none is left out."""
    store = await stored(
        [
            ("member-ann", Joined("ann", START)),
            ("member-ann", Renamed("ann", "unfoldable")),
            ("member-ann", Renamed("ann", "Ann A.")),
            ("member-ann", Left("ann")),
        ]
    )
    async with Session(club(), History(store, 4)) as session:
        steps = await walked(Stepper(session), 9)
    assert [step.event.position for step in steps] == [1, 2, 3, 4]
    assert [step.before is None for step in steps] == [False, False, True, True]
    assert [isinstance(step.fold_failure, ValueError) for step in steps] == [False, *[True] * 3]
    await store.close()


async def test_an_event_that_is_parked_is_told_and_counts_as_failed() -> None:
    """A policy that goes on would else hide the very event that is looked for."""
    application = club()
    application.projections[0].on_failure = Park()
    store = await stored([("member-ann", Joined("ann", START))] * 2)
    async with Session(application, History(store, 2)) as session:
        well, aside = await walked(Stepper(session), 2)
    assert (well.parked, well.failed) == ({}, False)
    assert (list(aside.parked), aside.failures, aside.failed) == (["members"], {}, True)
    assert "members.py" in aside.parked["members"]
    await store.close()


@pytest.mark.parametrize("start", [0, 2, 5])
async def test_a_projection_that_lagged_stays_where_it_was(start: int) -> None:
    """Wherever one begins: the rows are those that were there, not those that came later."""
    store = await stored(MANY[:6])
    async with Session(club(), History(store, 6), behind={"members": 3}) as session:
        stepper = Stepper(session)
        await stepper.to(start)
        steps = await walked(stepper, 9)
        assert [bool(step.changes) for step in steps] == [n < 3 for n in range(start, 6)]
        assert await names_of(stepper.model) == ["0", "1", "2"]
        assert [step.failures for step in steps] == [{}] * (6 - start)
    await store.close()


async def test_a_step_that_is_cancelled_is_done_to_its_end() -> None:
    """Where it stands and what the rows say never differ."""
    store = await stored(MANY)
    async with Session(club(), History(store, 40)) as session:
        stepper = Stepper(session)
        await stepper.to(0)
        for _ in range(20):
            task = asyncio.ensure_future(stepper.forward())
            await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            assert len(await members_of(stepper.model)) == stepper.position
        assert stepper.position > 0
        await walked(stepper, 99, back=True)
        assert await members_of(stepper.model) == []
    await store.close()


async def test_going_somewhere_that_is_cancelled_leads_back() -> None:
    """It stands nowhere, says so, and takes the next step from where it stood."""
    store = await stored(MANY)
    async with Session(club(), History(store, 40)) as session:
        stepper = Stepper(session)
        await stepper.to(3)
        task = asyncio.ensure_future(stepper.to(40))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (stepper.stands, stepper.position) == (False, 3)
        with pytest.raises(InvalidInput, match="go to a position first"):
            _ = stepper.model
        [step] = await walked(stepper, 1)
        assert (step.event.position, len(await members_of(stepper.model))) == (4, 4)
    await store.close()


async def test_a_store_that_fails_loses_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no failure of the fold; the same step is taken once the store answers again."""
    store = await stored(MANY[:2])
    async with Session(club(), History(store, 2)) as session:
        stepper = Stepper(session)
        await stepper.to(0)
        await walked(stepper, 1)
        with monkeypatch.context() as gone:
            gone.setattr(MemoryStore, "read", _fails)
            with pytest.raises(StoreUnavailable):
                await stepper.forward()
        [step] = await walked(stepper, 9)
        assert (step.event.position, step.fold_failure) == (2, None)
    await store.close()


async def _fails(*_: object) -> Sequence[object]:
    raise StoreUnavailable
