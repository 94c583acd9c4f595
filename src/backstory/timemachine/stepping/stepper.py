"""One event after the other, forwards and back, with everything that each one changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection

from backstory.core.errors import HandlerFailed, InvalidInput, StoreError
from backstory.core.events import RecordedEvent
from backstory.core.history import History
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

T = TypeVar("T")

_AHEAD: Final = 200
_AT_ONCE: Final = 100
"""Events that are done anew where there is nothing to undo, so that the next ones can be undone."""

_KEPT: Final = 10_000
"""Least steps that can be undone; no more than twice as many are kept."""

_OURS: Final = (checkpoint_table, parked_table)


class Step(msgspec.Struct, frozen=True):
    """One event, and all that it did.

    `before` and `after` are the states of its stream, None where the application has no decider
    for it; `fold_failure` says why there is no state after. `changes` are the rows that projections
    changed, in order. `failures` are the projections whose handler failed at this event, and
    `standing` those that had failed before and stand still. `parked` gives, for each projection
    that set the event aside, the reason.
    """

    event: RecordedEvent
    before: State | None
    after: State | None
    fold_failure: Exception | None
    changes: Sequence[RowChange]
    failures: Mapping[str, HandlerFailed]
    standing: Sequence[str]
    parked: Mapping[str, str] = MappingProxyType({})

    @property
    def failed(self) -> bool:
        """Return whether a handler or the fold failed at this event."""
        return bool(self.failures or self.parked) or self.fold_failure is not None


class _Mark(msgspec.Struct, frozen=True):
    """Where things stood before a step."""

    position: int
    number: int
    standing: frozenset[str]
    step: Step


class Stepper:
    """All read models of an application, moved by one event at a time.

    It moves the copy of a session; so use one of the two at a time. Going back undoes what was
    done, row by row; further back than it began, the session is moved there. A projection that
    lagged, as the session says, is never brought beyond the position that it had applied.

    When cancelled, a step under way is done to its end; where going to a position was cut short, it
    goes back to where it stood as soon as it is asked for a step.
    """

    def __init__(self, session: Session) -> None:
        """Step through the history of *session*; call `to` first."""
        self._session = session
        self._history = session.history
        self._application = session.application
        self._states = States(session.application, session.history)
        self._journal = Journal(())
        self._model: ReadModel | None = None
        self._moved = False
        self._number = 0
        self._appliers: dict[str, list[_Part]] = {}
        self._marks: list[_Mark] = []
        self._standing: frozenset[str] = frozenset()
        self._ahead: deque[RecordedEvent] = deque()
        self._position = 0

    @property
    def history(self) -> History:
        """Return the history that is stepped through."""
        return self._history

    @property
    def position(self) -> int:
        """Return the position up to which everything has happened."""
        return self._position

    @property
    def stands(self) -> bool:
        """Return whether it stands where `position` says; not before `to`, nor when that broke."""
        return self._model is not None

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
        moved, self._moved, self._model = self._moved, True, None
        self._marks.clear()
        if moved:
            await self._session.forget()  # it does not know of the steps
        model = await self._session.at(position)
        await asyncio.to_thread(self._begin, model)
        self._position, self._model = position, model
        self._standing = frozenset(
            stand.projection for stand in self._session.stands if stand.failure is not None
        )
        return model

    async def forward(self) -> Step | None:
        """Let the next event happen; None at the end of the history."""
        if self._model is None:
            await self.to(self._position)
        return await _whole(self._forward())

    async def _forward(self) -> Step | None:
        event = await self._next()
        if event is None:
            return None
        before, after, fold_failure = await self._folded(event)
        number = self._number
        failures, changes, parked = await asyncio.to_thread(self._apply, event)
        standing = tuple(sorted(self._standing))
        step = Step(event, before, after, fold_failure, changes, failures, standing, parked)
        self._marks.append(_Mark(self._position, number, self._standing, step))
        self._standing |= failures.keys()
        self._position = event.position
        if len(self._marks) >= 2 * _KEPT:
            await asyncio.to_thread(self._forget)
        return step

    async def _folded(
        self, event: RecordedEvent
    ) -> tuple[State | None, State | None, Exception | None]:
        """Return the states before and after *event*, and why one is missing."""
        before = None
        try:
            before = await self._states.at(event.stream, event.position - 1)
            after = None if before is None else await self._states.after(event, before)
        except StoreError:
            self._ahead.appendleft(event)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a user's code raises is shown
            return before, None, error
        return before, after, None

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
        return await _whole(self._back(self._marks.pop()))

    async def _back(self, mark: _Mark) -> Step:
        await asyncio.to_thread(self._undo, mark.number)
        self._ahead.appendleft(mark.step.event)
        self._position, self._standing = mark.position, mark.standing
        return mark.step

    async def _back_beyond(self) -> Step | None:
        """Go to where the event before begins, so that it can be done and undone."""
        query = Read(until=self._position, direction=BACKWARDS, limit=_AT_ONCE + 1)
        page = await self._history.read(query) if self._position else ()
        if not page:
            return None
        here = page[0].position
        await self.to(page[-1].position if len(page) > 1 and not query.is_last(page) else 0)
        while self._position < here and await self.forward() is not None:
            pass
        return await self.back()

    async def _next(self) -> RecordedEvent | None:
        if not self._ahead:
            self._ahead.extend(await self._history.read(Read(after=self._position, limit=_AHEAD)))
        return self._ahead.popleft() if self._ahead else None

    # In a thread

    def _begin(self, model: ReadModel) -> None:
        self._ahead.clear()
        tables = [table for one in self._application.projections for table in one.tables]
        journal = self._journal = Journal([*tables, *_OURS])
        model.write(journal.begin)
        self._number = model.write(journal.number)
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

    def _apply(
        self, event: RecordedEvent
    ) -> tuple[Mapping[str, HandlerFailed], Sequence[RowChange], Mapping[str, str]]:
        """Apply *event*; return whose handlers failed, what rows are others, and who parked why."""
        failures: dict[str, HandlerFailed] = {}
        behind = self._session.behind
        for name, parts in self._appliers.items():
            lags = event.position > behind.get(name, event.position)
            for part in parts:
                # A partition that failed stands still; the others go on, as live ones do.
                stands = name in self._standing and part.advance.position < self._position
                if not stands and not lags:
                    try:
                        part.apply(event)
                    except HandlerFailed as error:
                        failures[name] = error
        found = self.model.write(self._changes)
        aside = [change.after for change in found if change.table == parked_table.name]
        parked = {str(row["projection"]): str(row["error"]) for row in aside if row is not None}
        rows = [change for change in found if change.table != parked_table.name]
        return failures, rows, parked

    def _changes(self, connection: Connection) -> Sequence[RowChange]:
        found = self._journal.after(connection, self._number, but=[checkpoint_table])
        self._number = self._journal.number(connection)
        return found

    def _forget(self) -> None:
        """Let go of the oldest steps, so that memory stays bounded however far one goes."""
        del self._marks[:_KEPT]
        oldest = self._marks[0].number
        self.model.write(lambda connection: self._journal.forget(connection, oldest))

    def _undo(self, number: int) -> None:
        self.model.write(lambda connection: self._journal.undo(connection, number))
        self._number = number
        for parts in self._appliers.values():
            for part in parts:
                part.advance.start()


async def _whole(work: Coroutine[object, object, T]) -> T:
    """Do *work*, and when cancelled leave only after it has ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class _Part(msgspec.Struct, frozen=True):
    """What applies the events of one partition of a projection."""

    advance: Advance
    handling: Handling
    applier: Applier

    def apply(self, event: RecordedEvent) -> None:
        """Apply *event* where it belongs here, and move the checkpoint behind it."""
        mine = self.advance.partition.holds(event.stream) and self.handling.handles(event)
        self.applier.apply([event] if mine else [], event.position)
