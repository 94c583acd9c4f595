"""Given, when, then: the behaviour of a decider as a sentence that a test can check.

    cart = Specification(cart_decider)

    def test_a_paid_cart_takes_no_items():
        cart.given(Opened(), Paid(10)).when(AddItem("book")).rejected(CartPaid)

Each part is a frozen value, so a situation can be shared by many tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import ndiff
from pprint import pformat
from typing import Generic, Protocol, TypeVar

import msgspec

Command_contra = TypeVar("Command_contra", contravariant=True)
Command = TypeVar("Command")
Event = TypeVar("Event")
State = TypeVar("State")
Rejection = TypeVar("Rejection", bound=Exception)


class Decides(Protocol[Command_contra, Event, State]):
    """What is specified: anything shaped like a `Decider`."""

    @property
    def initial(self) -> State:
        """Return the state before the first event."""
        ...

    @property
    def decide(self) -> Callable[[Command_contra, State], Iterable[Event]]:
        """Return the function from command and state to events."""
        ...

    @property
    def evolve(self) -> Callable[[State, Event], State]:
        """Return the function from state and event to the next state."""
        ...


class Specification(msgspec.Struct, Generic[Command, Event, State], frozen=True):
    """What a decider does, said by example."""

    decider: Decides[Command, Event, State]

    def given(self, *events: Event) -> Given[Command, Event, State]:
        """Return the situation after *events*."""
        return Given(self.decider, events)

    def when(self, command: Command) -> When[Command, Event, State]:
        """Return what *command* does before anything happened."""
        return self.given().when(command)


class Given(msgspec.Struct, Generic[Command, Event, State], frozen=True):
    """A situation: what has happened so far."""

    decider: Decides[Command, Event, State]
    events: tuple[Event, ...]

    @property
    def state(self) -> State:
        """Return the state these events lead to."""
        return _evolved(self.decider, self.decider.initial, self.events)

    def when(self, command: Command) -> When[Command, Event, State]:
        """Return what *command* does in this situation."""
        return When(self, command)

    def is_state(self, state: State) -> None:
        """Check that the events lead to *state*; raises `AssertionError` with the difference."""
        _check_equal([self.state], [state], f"after {_listed(self.events)} the state differs")


class When(msgspec.Struct, Generic[Command, Event, State], frozen=True):
    """A command in a situation."""

    given: Given[Command, Event, State]
    command: Command

    def then(self, *events: Event) -> Given[Command, Event, State]:
        """Check that exactly *events* follow, none meaning that nothing happens.

        Returns the situation afterwards, so that a story can go on. Raises `AssertionError` with
        the difference; what the decider raises passes through.
        """
        decided = self._decided()
        _check_equal(decided, list(events), f"{self._sentence()}, other events follow")
        return Given(self.given.decider, (*self.given.events, *decided))

    def then_state(self, state: State) -> None:
        """Check the state the command leads to; raises `AssertionError` with the difference."""
        after = _evolved(self.given.decider, self.given.state, self._decided())
        _check_equal([after], [state], f"{self._sentence()}, the state differs")

    def rejected(self, error: type[Rejection]) -> Rejection:
        """Check that the command is refused with *error*, and return it for a closer look.

        Raises `AssertionError` when events follow; another error passes through.
        """
        try:
            decided = self._decided()
        except error as rejection:
            return rejection
        wanted = f"{error.__name__} was expected"
        message = f"{self._sentence()}, {wanted}, but what followed is: {_listed(decided)}"
        raise AssertionError(message)

    def _decided(self) -> list[Event]:
        return list(self.given.decider.decide(self.command, self.given.state))

    def _sentence(self) -> str:
        return f"given {_listed(self.given.events)}, when {self.command!r}"


def _evolved(
    decider: Decides[Command, Event, State], state: State, events: Iterable[Event]
) -> State:
    for event in events:
        state = decider.evolve(state, event)
    return state


def _listed(events: Iterable[object]) -> str:
    return ", ".join(map(repr, events)) or "nothing"


def _check_equal(found: list[Event], wanted: list[Event], message: str) -> None:
    if found != wanted:
        lines = ndiff(_lines(wanted), _lines(found))
        difference = "\n".join(f"  {line.rstrip()}" for line in lines)
        said = f"{message} (- expected, + found):\n{difference}"
        raise AssertionError(said)


def _lines(values: list[Event]) -> list[str]:
    return [line for value in values for line in pformat(value, width=80).splitlines()] or [
        "nothing"
    ]
