"""Applying events while rows are watched: each change with the line of the handler that made it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection, event

from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.batch import EventFailed, Handling, Run
from backstory.projections.places import failing_place
from backstory.projections.projection import Handler, Projection
from backstory.projections.statements import Plans
from backstory.timemachine.blaming.places import (
    Place,
    beginning_of,
    code_of,
    places_of,
    places_up_to,
)
from backstory.timemachine.blaming.watching import Entry, Watch
from backstory.timemachine.replay import Replay


class Write(msgspec.Struct, frozen=True):
    """What one write of a handler did to watched rows, and where it stands, outermost first."""

    places: tuple[Place, ...]
    entries: Sequence[Entry]


class Touch(msgspec.Struct, frozen=True):
    """What one event did to watched rows, write by write; `handler` is where that one begins."""

    event: RecordedEvent
    projection: str
    handler: Place | None
    writes: Sequence[Write]


class RowTouched(Exception):
    """A batch did something to a watched row: it is to be applied event by event."""


class Tracing(Handling):
    """Applies batches at full speed, and event by event those that touch a watched row.

    Whoever applies a batch takes it back when `RowTouched` is raised, and goes on one by one, as he
    does when a handler fails.
    """

    def __init__(
        self,
        projection: Projection,
        schema: Schema,
        plans: Plans,
        *,
        replay: Replay,
        watch: Watch,
        touches: deque[Touch],
    ) -> None:
        """Put what happens to rows that *watch* watches into *touches*."""
        super().__init__(
            projection, schema, plans, fence=replay.fence, deliveries=replay.deliveries
        )
        self._projection = projection.name
        self._watch = watch
        self._touches = touches
        self.patient: bool = True
        """Whether a batch is taken back that touched a watched row."""
        self.taken_back: int = 0
        """How many were."""
        self.touched: bool = False
        """Whether one did that was not taken back."""
        self._since = 0
        self._traced: list[tuple[int, tuple[Place, ...]]] = []

    def apply_all(self, connection: Connection, events: Sequence[RecordedEvent]) -> None:
        """Write what *events* come to; raises `RowTouched` when that touched a watched row."""
        before = self._watch.number(connection)
        super().apply_all(connection, events)
        if self._watch.number(connection) != before:
            if self.patient:
                self.taken_back += 1
                raise RowTouched
            self.touched = True
            self._watch.forget(connection)

    def apply_one(self, connection: Connection, recorded: RecordedEvent) -> None:
        """Write what one event comes to, and keep what that did to watched rows."""
        handler = self._handlers.get(recorded.type)
        if handler is None:
            return
        before = self._since = self._watch.number(connection)
        self._traced = []
        self._watch.everything(connection, wanted=True)
        super().apply_one(connection, recorded)
        self._watch.everything(connection, wanted=False)
        if self._traced:
            entries = self._watch.entries(connection, before)
            if entries:
                self._touches.append(self._touch(recorded, handler, before, entries))
            self._watch.forget(connection)

    def _touch(
        self, recorded: RecordedEvent, handler: Handler, since: int, entries: Sequence[Entry]
    ) -> Touch:
        writes = []
        for until, places in self._traced:
            made = [entry for entry in entries if since < entry.number <= until]
            if made:
                writes.append(Write(places, made))
            since = until
        return Touch(recorded, self._projection, beginning_of(handler.function), writes)

    def _write_each(
        self, connection: Connection, handler: Handler, recorded: RecordedEvent
    ) -> None:
        writes: object = None
        run = Run(connection, self._plans)
        try:
            value = self._schema.decode(recorded)
            if handler.reads:
                with self._tracing(connection, handler):
                    handler.function(value, recorded, connection)
                self._trace(connection, ())  # what was run past SQLAlchemy
                return
            written = handler.function(value, recorded)
            writes = written
            for write in written or ():
                run.add(write)
                run.flush()
                self._trace(connection, places_of(writes))
        except Exception as error:
            places = places_of(writes)
            line = places[0].line if places else None
            raise EventFailed(failing_place(error, handler.function, line)) from error
        if writes is None:
            super()._write_each(connection, handler, recorded)  # it says what is wrong

    def _trace(self, connection: Connection, places: tuple[Place, ...]) -> None:
        number = self._watch.number(connection)
        if self._since < number:
            self._since = number
            self._traced.append((number, places))

    @contextmanager
    def _tracing(self, connection: Connection, handler: Handler) -> Iterator[None]:
        """Note where each statement stands that the handler runs by itself."""
        code = code_of(handler.function)

        def ran(*_: object) -> None:
            self._trace(connection, places_up_to(code))

        event.listen(connection, "after_cursor_execute", ran)
        try:
            yield
        finally:
            event.remove(connection, "after_cursor_execute", ran)
