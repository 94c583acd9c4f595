"""One event after the other, forwards and back, with everything that each one changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from backstory.core.errors import HandlerFailed, InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.projections.advancing import Advance
from backstory.projections.applying import Applier
from backstory.projections.batch import Handling
from backstory.projections.partitions import partitions_of
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans
from backstory.projections.tables import checkpoint_table, parked_table
from backstory.timemachine.session import Session
from backstory.timemachine.states import State, States
from backstory.timemachine.stepping.journal import Journal, RowChange

_AHEAD: Final = 200
_OURS: Final = (checkpoint_table, parked_table)


class Step(msgspec.Struct, frozen=True):
    """One event, and all that it did.

    `before` and `after` are the states of its stream, None where the application has no decider
    for it; `fold_failure` says why there is no state after. `changes` are the rows that projections
    changed, in order. `failures` are the projections whose handler failed at this event, and
    `standing` those that had failed before and stand still.
    """

    event: RecordedEvent
    before: State | None
    after: State | None
    fold_failure: Exception | None
    changes: Sequence[RowChange]
    failures: Mapping[str, HandlerFailed]
    standing: Sequence[str]


class _Mark(msgspec.Struct, frozen=True):
    """Where things stood before a step."""

    position: int
    number: int
    standing: frozenset[str]
    step: Step


class Stepper:
    """All read models of an application, moved by one event at a time.

    It moves the copy of a session; so use one of the two at a time. Going back undoes what was
    done, row by row; further back than it began, the session is moved there.
    """

    def __init__(self, session: Session) -> None:
        """Step through the history of *session*; call `to` first."""
        self._session = session
        self._history = session.history
        self._application = session.application
        self._states = States(session.application, session.history)
        self._journal = Journal(())
        self._model: ReadModel | None = None
        self._appliers: dict[str, list[_Part]] = {}
        self._marks: list[_Mark] = []
        self._standing: frozenset[str] = frozenset()
        self._ahead: deque[RecordedEvent] = deque()
        self._position = 0

    @property
    def position(self) -> int:
        """Return the position up to which everything has happened."""
        return self._position

    @property
    def model(self) -> ReadModel:
        """Return the read models as they stand now; raises `InvalidInput` before `to`."""
        if self._model is None:
            message = "a stepper stands nowhere yet; go to a position first"
            raise InvalidInput(message)
        return self._model

    async def to(self, position: int) -> ReadModel:
        """Go to *position* at once, and return the read models there.

        Raises `InvalidInput` for a position outside the history.
        """
        if self._model is not None:
            await self._session.forget()  # it does not know of the steps
        self._model = await self._session.at(position)
        self._position = position
        self._standing = frozenset(
            stand.projection for stand in self._session.stands if stand.failure is not None
        )
        await asyncio.to_thread(self._begin, self._model)
        return self._model

    async def forward(self) -> Step | None:
        """Let the next event happen; None at the end of the history."""
        if self._model is None:
            await self.to(self._position)
        event = await self._next()
        if event is None:
            return None
        before = await self._states.at(event.stream, event.position - 1)
        after, fold_failure = None, None
        if before is not None:
            try:
                after = await self._states.after(event, before)
            except Exception as error:  # noqa: BLE001 - whatever a user's code raises is shown
                fold_failure = error
        number, failures = await asyncio.to_thread(self._apply, event)
        changes = await asyncio.to_thread(self._changes, number)
        step = Step(
            event, before, after, fold_failure, changes, failures, tuple(sorted(self._standing))
        )
        self._marks.append(_Mark(self._position, number, self._standing, step))
        self._standing |= failures.keys()
        self._position = event.position
        return step

    def apply(self, event: RecordedEvent) -> None:
        """Let projections handle *event*, the next one, in the calling thread; see nothing of it.

        For a debugger that stops in their handlers. Call `to` afterwards, before anything else.
        Raises `HandlerFailed`.
        """
        for parts in self._appliers.values():
            for part in parts:
                part.apply(event)

    async def back(self) -> Step | None:
        """Undo the last event, and return what it had done; None before the first one."""
        if not self._marks:
            return await self._back_beyond()
        mark = self._marks.pop()
        await asyncio.to_thread(self._undo, mark.number)
        self._ahead.appendleft(mark.step.event)
        self._position, self._standing = mark.position, mark.standing
        return mark.step

    async def _back_beyond(self) -> Step | None:
        """Go to where the event before begins, so that it can be done and undone."""
        query = Read(until=self._position, direction=BACKWARDS, limit=2)
        page = await self._history.read(query) if self._position else ()
        if not page:
            return None
        await self.to(page[1].position if len(page) > 1 else 0)
        await self.forward()
        return await self.back()

    async def _next(self) -> RecordedEvent | None:
        if not self._ahead:
            self._ahead.extend(await self._history.read(Read(after=self._position, limit=_AHEAD)))
        return self._ahead.popleft() if self._ahead else None

    # In a thread

    def _begin(self, model: ReadModel) -> None:
        self._marks.clear()
        self._ahead.clear()
        tables = [table for one in self._application.projections for table in one.tables]
        journal = self._journal = Journal([*tables, *_OURS])
        model.write(journal.begin)
        self._appliers = {
            projection.name: self._parts(projection, model)
            for projection in self._application.projections
        }

    def _parts(self, projection: Projection, model: ReadModel) -> list[_Part]:
        plans = Plans(model.database.engine.dialect)
        replay = self._session.replay
        handling = Handling(
            projection,
            self._application.schema,
            plans,
            fence=replay.fence,
            deliveries=replay.deliveries,
        )
        parts = []
        for partition in partitions_of(projection.name, projection.partitions):
            advance = Advance(partition, model, None)
            advance.start()
            parts.append(
                _Part(advance, handling, Applier(advance, handling, projection.on_failure))
            )
        return parts

    def _apply(self, event: RecordedEvent) -> tuple[int, Mapping[str, HandlerFailed]]:
        number = self.model.write(self._journal.number)
        failures: dict[str, HandlerFailed] = {}
        for name, parts in self._appliers.items():
            if name not in self._standing:
                try:
                    for part in parts:
                        part.apply(event)
                except HandlerFailed as error:
                    failures[name] = error
        return number, failures

    def _changes(self, number: int) -> Sequence[RowChange]:
        def read(connection: Connection) -> Sequence[RowChange]:
            return self._journal.after(connection, number)

        ours = {table.name for table in _OURS}
        return [change for change in self.model.write(read) if change.table not in ours]

    def _undo(self, number: int) -> None:
        self.model.write(lambda connection: self._journal.undo(connection, number))
        for parts in self._appliers.values():
            for part in parts:
                part.advance.start()


class _Part(msgspec.Struct, frozen=True):
    """What applies the events of one partition of a projection."""

    advance: Advance
    handling: Handling
    applier: Applier

    def apply(self, event: RecordedEvent) -> None:
        """Apply *event* where it belongs here, and move the checkpoint behind it."""
        mine = self.advance.partition.holds(event.stream) and self.handling.handles(event)
        self.applier.apply([event] if mine else [], event.position)
