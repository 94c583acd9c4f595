"""From a page of events to writes: each event decoded once, equal neighbours run as one.

Writes to the same table, and to tables that foreign keys connect, are never reordered: only equal
statements that follow one another there are joined, so that what a row sees is what it would see
one event at a time. Between tables that nothing connects there is no order to be seen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection, Executable

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.fencing import Fence
from backstory.projections.parking import Failure
from backstory.projections.places import failing_place
from backstory.projections.projection import Handler, Projection, Write
from backstory.projections.statements import Plan, Plans
from backstory.projections.touching import Touched

_NO_PARAMETERS: Mapping[str, object] = MappingProxyType({})


class _Waiting(NamedTuple):
    """Rows of one plan that wait to be run together."""

    plan: Plan
    rows: list[object]


class _Way(NamedTuple):
    """Where the rows of a statement go that was met a moment ago, with parameters of these names.

    It holds the statement itself: nothing else can have its identity meanwhile.
    """

    statement: Executable
    names: Collection[str]
    take: Callable[[Mapping[str, object]], object]
    rows: list[object]


class Run:
    """Writes waiting to be run: for each table, equal statements that came one after the other."""

    def __init__(self, connection: Connection, plans: Plans) -> None:
        """Collect for *connection*."""
        self._connection = connection
        self._plans = plans
        # By the tables that a plan touches; None: those of who knows which.
        self._waiting: dict[Touched | None, _Waiting] = {}
        # A write that looks like an earlier one needs no search for its plan.
        self._ways: dict[int, _Way] = {}

    def add(self, write: Write) -> None:
        """Take one write; runs what was waiting for its tables when it is of another kind."""
        statement, parameters = write if isinstance(write, tuple) else (write, _NO_PARAMETERS)
        way = self._ways.get(id(statement))
        if way is not None and parameters.keys() == way.names:
            way.rows.append(way.take(parameters))
            return
        plan, row = self._plans.find(statement, parameters)
        rows = self._rows_of(plan)
        rows.append(row)
        if plan.take is not None:
            self._ways[id(statement)] = _Way(statement, frozenset(parameters), plan.take, rows)

    @property
    def waiting(self) -> Sequence[tuple[Plan, Sequence[object]]]:
        """Return what waits: plans, each with its rows."""
        return tuple(self._waiting.values())

    def _rows_of(self, plan: Plan) -> list[object]:
        waiting = self._waiting.get(plan.touches)
        if waiting is not None and waiting.plan is plan and self._may_wait_beside(plan):
            return waiting.rows
        if not self._may_wait_beside(plan):
            self.flush()
        elif waiting is not None:
            self._run(plan.touches)
        waiting = self._waiting[plan.touches] = _Waiting(plan, [])
        return waiting.rows

    def _may_wait_beside(self, plan: Plan) -> bool:
        """Say whether *plan* and all that waits for other tables may change places."""
        if plan.touches is None:
            return self._waiting.keys() <= {None}
        return None not in self._waiting

    def _run(self, touched: Touched | None) -> None:
        waiting = self._waiting.pop(touched)
        self._ways.clear()  # those of other tables are found again
        waiting.plan.run(self._connection, waiting.rows)

    def flush(self) -> None:
        """Run what is waiting."""
        for touched in list(self._waiting):
            self._run(touched)


class EventFailed(Exception):
    """One event could not be applied; `where` is the line of the handler, the cause is why."""

    def __init__(self, where: str) -> None:
        """Say *where*."""
        self.where = where
        super().__init__(where)


class Handling:
    """Knows how a projection handles each stored type of event."""

    def __init__(
        self,
        projection: Projection,
        schema: Schema,
        plans: Plans,
        *,
        fence: Fence | None = None,
        deliveries: int = 1,
    ) -> None:
        """Look the handlers up; in a replay they run behind a *fence*, or more than once an event.

        Raises `InvalidInput` when there are none, `SchemaError` for a type not in *schema*.
        """
        if not projection.handlers:
            message = f"{projection!r} handles no event; register handlers with .on(...) first"
            raise InvalidInput(message)
        self._schema = schema
        self._plans = plans
        self._fence = fence
        self._deliveries = deliveries
        self._handlers: dict[str, Handler] = {
            name: handler
            for python, handler in projection.handlers.items()
            for name in schema.names_of(python)
        }

    @property
    def types(self) -> tuple[str, ...]:
        """Return the stored types that are handled, old names included."""
        return tuple(self._handlers)

    def handles(self, recorded: RecordedEvent) -> bool:
        """Say whether the event is of interest."""
        return recorded.type in self._handlers

    def apply_all(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        """Write what *events* come to; raises whatever a handler or the database raises."""
        decode, find = self._schema.decode, self._handlers.get
        run = Run(connection, self._plans)
        if self._fence is not None or self._deliveries > 1:
            self._replay_all(run, connection, events)
            return
        for recorded in events:
            handler = find(recorded.type)
            if handler is None:
                continue
            event = decode(recorded)
            if handler.reads:
                run.flush()
                handler.function(event, recorded, connection)
            else:
                for write in _writes(handler, event, recorded):
                    run.add(write)
        run.flush()

    def _replay_all(
        self, run: Run, connection: Connection, events: Sequence[RecordedEvent]
    ) -> None:
        for recorded in events:
            handler = self._handlers.get(recorded.type)
            if handler is None:
                continue
            for _ in range(self._deliveries):
                with self._around(recorded):
                    self._replay(run, connection, handler, recorded)
        run.flush()

    def _replay(
        self, run: Run, connection: Connection, handler: Handler, recorded: RecordedEvent
    ) -> None:
        event = self._schema.decode(recorded)
        if handler.reads:
            run.flush()
            handler.function(event, recorded, connection)
            return
        for write in list(_writes(handler, event, recorded)):
            run.add(write)
        if any(plan.touches is None for plan, _ in run.waiting):
            # It may hold defaults that Python computes when it is run: behind the fence, too.
            run.flush()

    def _around(self, recorded: RecordedEvent) -> AbstractContextManager[None]:
        return nullcontext() if self._fence is None else self._fence.around(recorded)

    def apply_one(self, connection: Connection, recorded: RecordedEvent) -> None:
        """Write what one event comes to, each write at once; raises `EventFailed` with the line."""
        handler = self._handlers.get(recorded.type)
        if handler is not None:
            for _ in range(self._deliveries):
                with self._around(recorded):
                    self._write_each(connection, handler, recorded)

    def _write_each(
        self, connection: Connection, handler: Handler, recorded: RecordedEvent
    ) -> None:
        writes: Iterable[Write] = ()
        run = Run(connection, self._plans)
        try:
            event = self._schema.decode(recorded)
            if handler.reads:
                handler.function(event, recorded, connection)
                return
            writes = _writes(handler, event, recorded)
            for write in writes:
                run.add(write)
                run.flush()
        except Exception as error:
            raise EventFailed(_where(error, handler, writes)) from error

    def failure(self, recorded: RecordedEvent, error: Exception) -> Failure:
        """Return why the event could not be applied, and where in the handler."""
        if isinstance(error, EventFailed):
            return Failure(error.where, error.__cause__ or error)
        return Failure(self._handlers[recorded.type].place, error)


def _writes(handler: Handler, event: object, recorded: RecordedEvent) -> Iterable[Write]:
    writes: Iterable[Write] | None = handler.function(event, recorded)
    if writes is None:
        message = (
            "the handler returned None; it yields its writes, or is registered with reads=True"
        )
        raise TypeError(message)
    return writes


def _where(error: Exception, handler: Handler, writes: Iterable[Write]) -> str:
    """Return file, line and name of where *handler* failed."""
    # The database refused a write: the generator still stands at the line that yielded it.
    frame = writes.gi_frame if inspect.isgenerator(writes) else None
    return failing_place(error, handler.function, frame.f_lineno if frame else None)
