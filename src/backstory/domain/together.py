"""Together: one command on several things, each in its own stream; all of it happens, or nothing.

def transfer(command: Transfer, source: Account, target: Account):
    ...
    return [Withdrawn(command.amount)], [Deposited(command.amount)]

await execute_together(transfer, Transfer(10), accounts.thing("ann"), accounts.thing("bob"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar, overload
from uuid import UUID

import msgspec

from backstory.core.ambient import correlated
from backstory.core.appending import StreamAppend
from backstory.core.errors import InvalidInput, TooManyConflicts
from backstory.core.events import Appended
from backstory.core.expected import WrongExpectedRevision
from backstory.core.store import append_several
from backstory.domain.context import Context
from backstory.domain.decider import Command, Event, State
from backstory.domain.decision import Decision
from backstory.domain.drafting import Draft, Thing, described
from backstory.domain.once import pause_before, until_answered

Event1 = TypeVar("Event1")
Event2 = TypeVar("Event2")
Event3 = TypeVar("Event3")
State1 = TypeVar("State1")
State2 = TypeVar("State2")
State3 = TypeVar("State3")

ATTEMPTS: Final = 5
"""How often a command is decided before `TooManyConflicts` is raised."""


@overload
async def execute_together(
    decide: Callable[[Command, State1, State2], tuple[Iterable[Event1], Iterable[Event2]]],
    command: Command,
    one: Thing[Event1, State1],
    two: Thing[Event2, State2],
    /,
    *,
    context: Context | None = None,
    command_id: UUID | None = None,
) -> tuple[Decision[Event1, State1], Decision[Event2, State2]]: ...
@overload
async def execute_together(
    decide: Callable[
        [Command, State1, State2, State3],
        tuple[Iterable[Event1], Iterable[Event2], Iterable[Event3]],
    ],
    command: Command,
    one: Thing[Event1, State1],
    two: Thing[Event2, State2],
    three: Thing[Event3, State3],
    /,
    *,
    context: Context | None = None,
    command_id: UUID | None = None,
) -> tuple[Decision[Event1, State1], Decision[Event2, State2], Decision[Event3, State3]]: ...
async def execute_together(
    decide: Callable[..., Sequence[Iterable[object]]],
    command: object,
    /,
    *things: Thing[Any, Any],  # each of types of its own, which the signatures above tell
    context: Context | None = None,
    command_id: UUID | None = None,
) -> tuple[Decision[Any, Any], ...]:
    """Load two or three things, decide *command* on their states, and append all or none.

    *decide* takes the command and the states, in the order of *things*, and answers the events of
    each in the same order, or raises. It is pure, as the `decide` of a decider is. All else is as
    in `Repository.execute`: conflicts, lost answers, *context* and *command_id*.

    The append is refused when another writer changed a thing that gets events; the command is then
    decided anew. A thing that gets none is read but not guarded: another writer may change it
    meanwhile. Where its state must still hold, give it an event that says so.

    Raises what *decide* raises, `PowerMissing` when the store cannot append to several streams,
    `InvalidInput` for things of several stores, for one thing twice and for a *decide* that does
    not answer for each thing, and what `Repository.execute` raises.
    """
    _check(things)
    start = context or Context.start(ids=things[0].drafting.ids)
    work = _Work(decide, command, things, described(start, command), command_id)
    with correlated(start.correlation_id):
        return await _carry_out(work)


async def _carry_out(work: _Work[Event, State]) -> tuple[Decision[Event, State], ...]:
    attempt = 0
    while True:
        await pause_before(attempt)
        attempt += 1
        try:
            return await work.attempt()
        except WrongExpectedRevision as conflict:
            if attempt == ATTEMPTS:
                raise TooManyConflicts(stream=conflict.stream, attempts=attempt) from conflict


class _Work(msgspec.Struct, Generic[Event, State], frozen=True):
    """A command on several things, with all that stays the same over its attempts."""

    decide: Callable[..., Sequence[Iterable[Event]]]
    command: object
    things: tuple[Thing[Event, State], ...]
    metadata: Mapping[str, object]
    command_id: UUID | None

    async def attempt(self) -> tuple[Decision[Event, State], ...]:
        """Return the decisions; raises `WrongExpectedRevision` when another writer came between."""
        folded = [await thing.drafting.loader.load(thing.stream) for thing in self.things]
        if self.command_id is not None:
            earlier = await self._carried_out(self.command_id)
            if earlier:
                return earlier
        decided = self.decide(self.command, *(before.state for before in folded))
        if len(decided) != len(self.things):
            message = f"decide answered for {len(decided)} things, not for {len(self.things)}"
            raise InvalidInput(message)
        drafts = [
            thing.drafting.draft(thing.stream, before, events, self.metadata, self.command_id)
            for thing, before, events in zip(self.things, folded, decided, strict=True)
        ]
        appended = await self._append(drafts)
        return tuple(
            [
                await thing.drafting.settle(draft, appended.get(draft.stream))
                for thing, draft in zip(self.things, drafts, strict=True)
            ]
        )

    async def _append(self, drafts: Iterable[Draft[Event, State]]) -> dict[str, Appended]:
        store = self.things[0].drafting.store
        parts = [StreamAppend(draft.stream, draft.new, draft.expected) for draft in drafts]
        new = [part for part in parts if part.events]
        answers = await until_answered(lambda: append_several(store, new)) if new else ()
        return {answer.stream: answer for answer in answers}

    async def _carried_out(self, command_id: UUID) -> tuple[Decision[Event, State], ...]:
        """Return what the command came to when it was carried out before; nothing otherwise."""
        # A head that is younger than what was loaded: up to it all of the command is there or none.
        head = await self.things[0].drafting.store.head()
        found = [
            await thing.drafting.earlier(thing.stream, command_id, head) for thing in self.things
        ]
        end = max((decision.position for decision in found if decision), default=None)
        if end is None:
            return ()
        return tuple(
            [
                decision or await thing.drafting.unchanged(thing.stream, end)
                for thing, decision in zip(self.things, found, strict=True)
            ]
        )


def _check(things: Sequence[Thing[Event, State]]) -> None:
    if len({thing.stream for thing in things}) != len(things):
        message = "one thing is named twice; a command on several takes each once"
        raise InvalidInput(message)
    if any(thing.drafting.store is not things[0].drafting.store for thing in things):
        message = "the things are kept in several stores, which cannot be appended to together"
        raise InvalidInput(message)
