"""Deciders: three functions, or a state class with two methods."""

from __future__ import annotations

from functools import reduce

import msgspec
import pytest

from backstory.domain.decider import Decider, decider_of
from tests.unit.domain.accounts import ACCOUNT, Account, Deposit, Deposited, Event, Open, Opened


class Counter(msgspec.Struct, frozen=True):
    """A thing that counts, written as a class."""

    count: int = 0

    def decide(self, command: int) -> list[float]:
        """Answer as many events as asked for."""
        return [float(self.count)] * command

    def evolve(self, event: float) -> Counter:
        """Count one event."""
        return Counter(self.count + 1 + int(event))


def test_a_decider_is_its_three_parts() -> None:
    """Plain functions, called as they are."""
    events: list[Event] = [Opened("a"), Deposited(5)]
    state = reduce(ACCOUNT.evolve, events, ACCOUNT.initial)
    assert state == Account("a", 5, (5,))
    assert ACCOUNT.decide(Deposit(2, parts=2), state) == [Deposited(2), Deposited(2)]
    assert ACCOUNT.decide(Open("b"), ACCOUNT.initial) == [Opened("b")]


def test_a_decider_cannot_be_changed() -> None:
    """It is a value that the fingerprint of snapshots relies on."""
    with pytest.raises(AttributeError):
        ACCOUNT.initial = Account("b")  # type: ignore[misc]  # the point of the test


def test_a_state_class_makes_the_same_decider_as_functions() -> None:
    """Sugar: the methods are the functions."""
    written = decider_of(Counter(3))
    plain: Decider[int, float, Counter] = Decider(
        initial=Counter(3), decide=lambda n, state: state.decide(n), evolve=Counter.evolve
    )
    assert written.initial == plain.initial
    assert written.decide(2, Counter(7)) == plain.decide(2, Counter(7)) == [7.0, 7.0]
    assert written.evolve(Counter(7), 1.0) == plain.evolve(Counter(7), 1.0) == Counter(9)


def test_the_evolve_of_a_state_class_is_its_own_function() -> None:
    """No wrapper: it runs once per event, and snapshots are trusted by its code."""
    assert decider_of(Counter()).evolve is Counter.evolve
