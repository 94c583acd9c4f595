"""Fences stand in one thread, around one event, and then are gone."""

from __future__ import annotations

import random
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from os import urandom
from pathlib import Path

import pytest
import time_machine

from backstory.timemachine.fences.fences import Fences
from tests.unit.timemachine.fences.events import RECORDED_AT, behind, happened


def is_today() -> bool:
    """Say whether the clock shows the present time."""
    return datetime.now(UTC) - RECORDED_AT > timedelta(days=100)


def test_another_thread_goes_on_unharmed() -> None:
    """The event loop, drivers and live workers of the process share it with the replay."""
    inside, done = threading.Event(), threading.Event()
    with Fences() as fences:

        def replay() -> None:
            with fences.around(happened()):
                assert datetime.now(UTC) == RECORDED_AT
                inside.set()
                assert done.wait(10)
                assert time.time() == RECORDED_AT.timestamp()

        thread = threading.Thread(target=replay)
        thread.start()
        assert inside.wait(10)
        random.seed(1)
        drawn = [random.gauss(0, 1) for _ in range(3)]
        random.seed(1)
        assert [random.gauss(0, 1) for _ in range(3)] == drawn
        assert is_today()
        assert time.time_ns() > RECORDED_AT.timestamp() * 1_000_000_000
        assert uuid.uuid1() != uuid.uuid1()
        assert urandom(16) != urandom(16)
        done.set()
        thread.join()
    assert {leak.function for leak in fences.leaks} == {"replay"}


def test_everything_is_as_it_was_afterwards() -> None:
    """Whoever replays in a test or a server goes on living today."""
    names: list[Callable[..., object]] = [random.random, random.seed, urandom, random.Random.seed]
    with Fences() as fences:
        behind(fences, random.random)
        assert random.random is not names[0]
    assert [random.random, random.seed, urandom, random.Random.seed] == names
    assert vars(random.Random).keys().isdisjoint({"random", "getrandbits"})
    assert not time_machine.escape_hatch.is_travelling()
    assert is_today()


def test_drawing_behind_the_fences_does_not_move_the_generators_of_others() -> None:
    """Else a test with a seed of its own depends on whether something was replayed meanwhile."""
    random.seed(4)
    expected = [random.gauss(0, 1) for _ in range(4)]
    random.seed(4)
    found = [random.gauss(0, 1)]  # the other half of a pair is in stock now
    with Fences() as fences:
        behind(fences, lambda: [random.gauss(0, 1), random.shuffle([1, 2])])
    assert [*found, *(random.gauss(0, 1) for _ in range(3))] == expected


def test_what_fails_behind_the_fences_comes_through_and_they_are_gone() -> None:
    """The error of a handler is what people are looking for."""
    with Fences() as fences:
        with pytest.raises(ZeroDivisionError):
            behind(fences, lambda: 1 / 0)
        assert is_today()


def test_one_event_within_another_has_its_own_answers() -> None:
    """A handler that folds a stream by itself works on other events meanwhile."""
    with Fences() as fences:

        def outer() -> list[uuid.UUID]:
            return [uuid.uuid4(), behind(fences, uuid.uuid4, 8), uuid.uuid4()]

        nested = behind(fences, outer, 7)
        assert nested[1] == behind(fences, uuid.uuid4, 8)
        assert [nested[0], nested[2]] == behind(fences, lambda: [uuid.uuid4(), uuid.uuid4()], 7)


def test_several_stand_at_once_and_each_has_its_own_leaks() -> None:
    """Two sessions of one process know nothing of one another."""
    with Fences() as first:
        with Fences() as second:
            behind(second, uuid.uuid4)
        assert behind(first, lambda: datetime.now(UTC)) == RECORDED_AT
    assert [leak.what for leak in first.leaks] == ["datetime.now()"]
    assert [leak.what for leak in second.leaks] == ["uuid.uuid4()"]
    assert is_today()


def test_a_test_that_travels_itself_is_where_it_was() -> None:
    """Users test with time-machine too, and replay within."""
    elsewhere = datetime(2031, 1, 1, tzinfo=UTC)
    with time_machine.travel(elsewhere, tick=False):
        with Fences() as fences:
            assert datetime.now(UTC) == elsewhere
            assert behind(fences, lambda: datetime.now(UTC)) == RECORDED_AT
        assert datetime.now(UTC) == elsewhere
    assert is_today()


def test_a_module_that_is_imported_behind_the_fences_is_free_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it took hold of then must not stay fenced for the life of the process."""
    (tmp_path / "late_chance.py").write_text("from random import random", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with Fences() as fences:
        module = behind(fences, lambda: import_module("late_chance"))
        assert module.random is random.random
    assert module.random is random.random
    del sys.modules["late_chance"]
    assert fences.leaks == ()
