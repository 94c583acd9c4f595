"""The contract can fail: each broken store is caught by a test that the sound store passes."""

from __future__ import annotations

import inspect
import sqlite3
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from backstory.core.clock import Clock
from backstory.core.expected import ANY, NO_STREAM
from backstory.core.read import BACKWARDS, FORWARDS, Read
from backstory.core.store import EventStore
from backstory.stores.memory import MemoryStore
from backstory.stores.open import open_store
from backstory.stores.powers import POWERS
from backstory.testing import Opener, StoreContract, machine_of
from backstory.testing.contract import waiting
from tests.stores import broken, broken_searching, broken_several
from tests.stores.broken_several import Test

Contract = StoreContract

CASES: list[tuple[type[MemoryStore], Test, dict[str, object]]] = [
    (broken.LateArrival, Contract.test_no_event_arrives_late, {}),
    (broken.LateArrival, Contract.test_followers_see_every_position_once_and_in_order, {}),
    (
        broken.LateArrival,
        Contract.test_the_seam_between_past_and_present_is_tight,
        {"query": Read(limit=7)},
    ),
    (broken.BurntPosition, Contract.test_a_conflict_leaves_nothing_behind, {"expected": 1}),
    (
        broken.InclusiveBefore,
        Contract.test_bounds_cut_every_scope_exactly,
        {"scope": Read(), "direction": FORWARDS},
    ),
    (
        broken.InclusiveBefore,
        Contract.test_pages_give_everything_once_and_in_order,
        {"limit": 2, "direction": BACKWARDS},
    ),
    (
        broken.ForgetsIds,
        Contract.test_repeating_the_first_append_answers_the_original,
        {"expected": ANY},
    ),
    (
        broken.AnswersTheEnd,
        Contract.test_a_late_repetition_answers_the_original,
        {"expected": ANY},
    ),
    (
        broken.TakesAPartForTheWhole,
        Contract.test_any_refuses_an_append_that_is_known_only_in_part,
        {"expected": ANY},
    ),
    (broken.FollowsTheClock, Contract.test_a_clock_that_runs_backwards_is_not_followed, {}),
    (broken.FollowsTheClock, Contract.test_a_time_names_one_prefix_of_the_log, {}),
    (broken.HalfAConflict, Contract.test_a_conflict_leaves_nothing_behind, {"expected": 0}),
    (broken.ChecksThenWrites, Contract.test_exactly_one_of_racing_writers_wins, {}),
    (broken.ChecksThenWrites, Contract.test_a_counter_kept_by_racing_writers_loses_no_step, {}),
    (broken.ShowsHalfAnAppend, Contract.test_an_append_is_never_seen_in_part, {}),
    (broken.ShowsHalfAnAppend, Contract.test_events_of_one_append_stand_together_in_order, {}),
    (broken.UntilIsARevision, Contract.test_until_on_a_stream_is_a_position, {}),
    (
        broken.CategoryByPrefix,
        Contract.test_a_category_is_what_stands_before_the_first_dash,
        {},
    ),
    (
        broken.GivesUpSearching,
        Contract.test_a_rare_event_is_found_behind_many_others,
        {"direction": FORWARDS},
    ),
    (broken.IgnoresTheByteBound, Contract.test_a_page_of_large_events_is_cut, {}),
    (
        broken.SkipsAfterResume,
        Contract.test_a_read_resumes_behind_the_last_event_seen,
        {"direction": BACKWARDS},
    ),
    (broken.TidiesJson, Contract.test_json_is_kept_byte_for_byte, {"document": b'{ "a":1 }'}),
    (
        broken.OneIdEverywhere,
        Contract.test_one_id_may_stand_in_two_streams,
        {"expected": NO_STREAM},
    ),
    (broken.MixesCase, Contract.test_every_other_name_is_kept_exactly, {}),
    (broken.SleepsThrough, Contract.test_an_append_ends_a_wait, {}),
    (broken.NeverWaits, Contract.test_a_wait_uses_its_time, {}),
    (
        broken.StaysOpen,
        Contract.test_a_closed_store_refuses_every_call,
        {"call": lambda store: store.head()},
    ),
    (broken.LosesTheNewest, Contract.test_an_event_is_visible_as_soon_as_append_returns, {}),
    *broken_several.CASES,
    *broken_searching.CASES,
]
SEEN_BY_THE_MACHINE = (
    broken.BurntPosition,
    broken.InclusiveBefore,
    broken.ForgetsIds,
    broken.AnswersTheEnd,
    broken.TakesAPartForTheWhole,
    broken.FollowsTheClock,
    broken.HalfAConflict,
    broken.UntilIsARevision,
    broken.CategoryByPrefix,
    broken.SkipsAfterResume,
    broken.OneIdEverywhere,
    broken.LosesTheNewest,
    broken.ShowsHalfAnAppend,
    broken_several.OneAfterTheOther,
    broken_several.ByName,
    broken_several.TellsTheLastConflict,
    broken_several.TakesAStreamTwice,
    broken_several.ForgetsParts,
    broken_several.KnowsAllOrNone,
    broken_several.TrustsAKnownPart,
    broken_several.OneIdInAllStreams,
)


async def run(test: Test, opener: Opener, given: dict[str, object]) -> None:
    """Run one test of the contract as pytest would, on the stores of *opener*."""
    offered: dict[str, object] = {**given, "opener": opener}
    wanted = list(inspect.signature(test).parameters)[1:]
    try:
        if "store" in wanted:
            offered["store"] = await opener.open()
        await test(StoreContract(), **{name: offered[name] for name in wanted})
    finally:
        await opener.close()


def opener_of(store: type[MemoryStore], place: Path) -> Opener:
    """Return what opens stores of a class kept in memory."""

    async def make(place: Path, clock: Clock) -> EventStore:  # noqa: ARG001 - memory has no place
        return store(clock=clock)

    return Opener(make, place, url="memory:", open_with="backstory.stores.open:open_store")


@pytest.mark.parametrize(
    ("store", "test", "given"),
    CASES,
    ids=[f"{store.__name__}-{test.__name__}" for store, test, _ in CASES],
)
async def test_a_broken_store_fails_where_the_sound_one_passes(
    store: type[MemoryStore],
    test: Test,
    given: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test named catches the store named, and nothing else makes it fail."""
    monkeypatch.setattr(waiting, "SOON", 2.0)  # what is broken for good need not be waited for
    await run(test, opener_of(MemoryStore, tmp_path), given)
    with pytest.raises((Exception, pytest.fail.Exception)):
        await run(test, opener_of(store, tmp_path), given)


@pytest.mark.parametrize("store", SEEN_BY_THE_MACHINE)
def test_the_state_machine_finds_a_broken_store(store: type[MemoryStore]) -> None:
    """Random histories find the fault that a store hides."""

    async def make(place: Path, clock: Clock) -> EventStore:  # noqa: ARG001 - memory has no place
        return store(clock=clock)

    without_shrinking = settings(
        max_examples=1_000,
        stateful_step_count=20,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            machine_of(make, powers=POWERS["memory"]), settings=without_shrinking
        )


async def test_a_store_that_loses_acknowledged_events_on_a_crash_is_caught(
    tmp_path: Path,
) -> None:
    """What a killed process was answered must be there: here, some of it is not."""
    url = f"sqlite:///{tmp_path / 'events.db'}"

    async def make(place: Path, clock: Clock) -> EventStore:
        with sqlite3.connect(place / "events.db") as file:
            file.execute(
                "DELETE FROM events WHERE position > (SELECT max(position) FROM events) - 40"
            )
        file.close()
        return await open_store(url, clock=clock)

    opener = Opener(make, tmp_path, url=url, open_with="backstory.stores.open:open_store")
    with pytest.raises(AssertionError):
        await run(Contract.test_every_acknowledged_append_survives_kill_9, opener, {})


async def test_a_store_that_forgets_when_closed_is_not_durable(tmp_path: Path) -> None:
    """Declaring durability does not make it so."""
    for test in (
        Contract.test_a_reopened_store_holds_what_it_held,
        Contract.test_a_reopened_store_goes_on_where_it_ended,
        Contract.test_several_streams_are_there_after_reopening,
        Contract.test_a_process_killed_while_it_moves_leaves_no_half_of_a_move,
    ):
        with pytest.raises((Exception, pytest.fail.Exception)):
            await run(test, opener_of(MemoryStore, tmp_path), {})


async def test_stores_that_do_not_see_each_other_are_not_shared(tmp_path: Path) -> None:
    """Declaring sharing does not make it so."""
    for test in (
        Contract.test_two_stores_at_one_place_are_one,
        Contract.test_of_two_stores_racing_at_one_place_one_wins,
        Contract.test_exactly_one_process_wins_each_revision,
        Contract.test_processes_that_move_between_two_streams_keep_what_both_hold,
    ):
        with pytest.raises((Exception, pytest.fail.Exception)):
            await run(test, opener_of(MemoryStore, tmp_path), {})
