"""One batch, one transaction: rows, parked events and the checkpoint, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from backstory.core.errors import (
    CheckpointMoved,
    HandlerFailed,
    LeaseLost,
    ReadModelUnavailable,
)
from backstory.core.events import RecordedEvent
from backstory.projections.advancing import Advance
from backstory.projections.batch import Handling
from backstory.projections.parking import behind, blocked_streams, park
from backstory.projections.policy import OnFailure, Park

_NOT_THE_EVENT = (CheckpointMoved, LeaseLost, ReadModelUnavailable)


class Applier:
    """Applies batches of one partition to a read model, in whichever one thread calls it."""

    def __init__(self, advance: Advance, handling: Handling, on_failure: OnFailure) -> None:
        """Take what it works with; the batches given hold events of the partition alone."""
        self._advance = advance
        self._partition = advance.partition
        self._handling = handling
        self._on_failure = on_failure
        self._clock = advance.read_model.clock

    def apply(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Apply *events* and move the checkpoint to *covered*; may be called again after a failure.

        When an event fails, the batch is rolled back and applied one event at a time: everything
        before the guilty event stays applied, and the policy decides on it. Raises `HandlerFailed`,
        `CheckpointMoved`, `LeaseLost`, and `ReadModelUnavailable` when it should be tried again.
        """
        advance = self._advance
        advance.settle_doubt()
        if events and events[0].position <= advance.position:  # applied by the try before this one
            events = [event for event in events if event.position > advance.position]
        if covered <= advance.position:
            return
        try:
            advance.commit(covered, lambda connection: self._write_all(connection, events))
        except _NOT_THE_EVENT:
            raise
        except Exception:  # noqa: BLE001 - a handler may raise anything; it is found and named below
            self._apply_one_by_one(events, covered)

    def _apply_one_by_one(self, events: Sequence[RecordedEvent], covered: int) -> None:
        for event in events:
            try:
                self._advance.commit(event.position, partial(self._write_one, event))
            except _NOT_THE_EVENT:
                raise
            except Exception as error:  # noqa: BLE001 - see apply
                self._give_up(event, error)
        if covered > self._advance.position:
            self._advance.commit(covered, lambda _: 0)

    def _give_up(self, event: RecordedEvent, error: Exception) -> None:
        """Stop before *event*, or park it and go on, as the policy says."""
        failure = self._handling.failure(event, error)
        if isinstance(self._on_failure, Park):
            self._advance.commit(
                event.position,
                lambda connection: park(connection, self._partition, event, failure, self._clock()),
            )
            return
        raise HandlerFailed(
            projection=self._partition.projection,
            place=event.place,
            handler=failure.where,
            reason=failure.reason,
            event_id=event.id,
        ) from failure.cause

    def _write_all(self, connection: Connection, events: Sequence[RecordedEvent]) -> int:
        """Write *events*, except those that wait behind a parked one; return how many wait."""
        name = self._partition.projection
        if not self._advance.parked or not events:
            self._handling.apply_all(connection, events)
            return 0
        blocked = blocked_streams(connection, name, {event.stream for event in events})
        waiting = [e for e in events if e.stream in blocked and self._handling.handles(e)]
        for event in waiting:
            behind(connection, self._partition, event, self._clock())
        free = [event for event in events if event.stream not in blocked]
        self._handling.apply_all(connection, free)
        return len(waiting)

    def _write_one(self, event: RecordedEvent, connection: Connection) -> int:
        name = self._partition.projection
        if self._advance.parked and blocked_streams(connection, name, {event.stream}):
            return self._write_all(connection, (event,))
        self._handling.apply_one(connection, event)
        return 0
