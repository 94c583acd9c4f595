"""The decider: what may happen to one thing, as three pure functions.

Pure means: no clock, no random number, no network, no database. What they need comes in the
command, so the same history always tells the same story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar, cast

import msgspec

Command = TypeVar("Command")
Event = TypeVar("Event")
State = TypeVar("State")
CommandIn_contra = TypeVar("CommandIn_contra", contravariant=True)
EventOf = TypeVar("EventOf")
StateOut_co = TypeVar("StateOut_co", covariant=True)


class Decider(msgspec.Struct, Generic[Command, Event, State], frozen=True, kw_only=True):
    """What may happen to one thing: a plain value of three parts.

    `initial` is the state before the first event. `decide` answers a command with the events that
    follow from it (none: nothing to do) or raises, best a `CommandRejected` of your own. `evolve`
    returns the state after an event; it never refuses, because what happened has happened.
    States are values: `evolve` returns a new one and changes none.

        cart = Decider(initial=Cart(), decide=decide, evolve=evolve)
    """

    initial: State
    decide: Callable[[Command, State], Iterable[Event]]
    evolve: Callable[[State, Event], State]


class Deciding(Protocol[CommandIn_contra, EventOf, StateOut_co]):
    """The shape of a state class that decides and evolves itself; see `decider_of`."""

    def decide(self, command: CommandIn_contra, /) -> Iterable[EventOf]:
        """Return the events that follow from *command*, or raise."""
        ...

    def evolve(self, event: EventOf, /) -> StateOut_co:
        """Return the state after *event*."""
        ...


def decider_of(initial: Deciding[Command, Event, State]) -> Decider[Command, Event, State]:
    """Return the decider of a state class written with methods, given its initial state.

    The class needs no base class and no decorator, only `decide(self, command)` and
    `evolve(self, event)`. Every state must be of the class of *initial*; a thing whose states
    are of several classes is better written as three functions.

        class Cart(msgspec.Struct, frozen=True):
            items: tuple[str, ...] = ()

            def decide(self, command: AddItem) -> list[ItemAdded]: ...
            def evolve(self, event: ItemAdded) -> Cart: ...

        cart = decider_of(Cart())
    """
    cls = type(initial)

    def decide(command: Command, state: State) -> Iterable[Event]:
        return cls.decide(cast("Deciding[Command, Event, State]", state), command)

    # The plain function, not a wrapper: it runs once per event of every load.
    evolve = cast("Callable[[State, Event], State]", cls.evolve)
    return Decider(initial=cast("State", initial), decide=decide, evolve=evolve)
