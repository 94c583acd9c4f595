"""From a page of events to writes: each event decoded once, equal neighbours run as one.

Writes are never reordered. Only statements that follow one another and are equal are joined, so
that what a row sees is what it would see one event at a time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, Executable

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.parking import Failure
from backstory.projections.places import failing_place
from backstory.projections.projection import Handler, Projection, Write
from backstory.projections.statements import Plan, Plans

_NO_PARAMETERS: Mapping[str, object] = MappingProxyType({})


class Run:
    """Writes waiting to be run: equal statements that came one after the other."""

    def __init__(self, connection: Connection, plans: Plans) -> None:
        """Collect for *connection*."""
        self._connection = connection
        self._plans = plans
        self._plan: Plan | None = None
        self._rows: list[object] = []
        # What the write before was: one that looks the same needs no search for its plan.
        self._statement: Executable | None = None
        self._names: Collection[str] = ()
        self._take: Callable[[Mapping[str, object]], object] | None = None

    def add(self, write: Write) -> None:
        """Take one write; runs what was waiting when it is of another kind."""
        statement, parameters = write if isinstance(write, tuple) else (write, _NO_PARAMETERS)
        if statement is self._statement and self._take and parameters.keys() == self._names:
            self._rows.append(self._take(parameters))
            return
        plan, row = self._plans.find(statement, parameters)
        if plan is not self._plan:
            self.flush()
            self._plan = plan
        self._rows.append(row)
        self._statement, self._take = statement, plan.take
        self._names = frozenset(parameters)

    def flush(self) -> None:
        """Run what is waiting."""
        if self._plan is not None and self._rows:
            rows, self._rows = self._rows, []
            self._plan.run(self._connection, rows)
        self._plan = self._statement = None


class EventFailed(Exception):
    """One event could not be applied; `where` is the line of the handler, the cause is why."""

    def __init__(self, where: str) -> None:
        """Say *where*."""
        self.where = where
        super().__init__(where)


class Handling:
    """Knows how a projection handles each stored type of event."""

    def __init__(self, projection: Projection, schema: Schema, plans: Plans) -> None:
        """Look the handlers up.

        Raises `InvalidInput` when there are none, `SchemaError` for a type not in *schema*.
        """
        if not projection.handlers:
            message = f"{projection!r} handles no event; register handlers with .on(...) first"
            raise InvalidInput(message)
        self._schema = schema
        self._plans = plans
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

    def apply_one(self, connection: Connection, recorded: RecordedEvent) -> None:
        """Write what one event comes to, each write at once; raises `EventFailed` with the line."""
        handler = self._handlers.get(recorded.type)
        if handler is None:
            return
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
