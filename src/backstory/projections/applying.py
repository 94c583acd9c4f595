"""One batch, one transaction: rows, parked events and the checkpoint, all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from backstory.core.errors import CheckpointMoved, HandlerFailed, ReadModelUnavailable
from backstory.core.events import RecordedEvent
from backstory.projections.batch import EventFailed, Handling
from backstory.projections.checkpoint import move_checkpoint, read_checkpoint
from backstory.projections.parking import behind, blocked_streams, count_parked, park
from backstory.projections.policy import OnFailure, Park
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel


class Applier:
    """Applies batches to a read model, in whichever one thread calls it.

    `position` is the checkpoint as this worker knows it, `parked` how many events stand aside.
    """

    def __init__(
        self,
        projection: Projection,
        handling: Handling,
        read_model: ReadModel,
        on_failure: OnFailure,
    ) -> None:
        """Take what it works with; call `start` first."""
        self._projection = projection
        self._handling = handling
        self._read_model = read_model
        self._on_failure = on_failure
        self._clock = read_model.clock
        self._in_doubt: int | None = None
        self.position: int = 0
        self.parked: int = 0

    def start(self) -> int:
        """Create what is missing and return the checkpoint."""
        name = self._projection.name
        self.position = self._read_model.prepare_now(self._projection)
        self.parked = self._read_model.write(lambda connection: count_parked(connection, name))
        return self.position

    def apply(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Apply *events* and move the checkpoint to *covered*; may be called again after a failure.

        When an event fails, the batch is rolled back and applied one event at a time: everything
        before the guilty event stays applied, and the policy decides on it. Raises `HandlerFailed`,
        `CheckpointMoved`, and `ReadModelUnavailable` when it should be tried again.
        """
        self._settle_doubt()
        if events and events[0].position <= self.position:  # applied by the try before this one
            events = [event for event in events if event.position > self.position]
        if covered <= self.position:
            return
        try:
            self._commit(covered, lambda connection: self._write_all(connection, events))
        except (CheckpointMoved, ReadModelUnavailable):
            raise
        except Exception:  # noqa: BLE001 - a handler may raise anything; it is found and named below
            self._apply_one_by_one(events, covered)

    def _apply_one_by_one(self, events: Sequence[RecordedEvent], covered: int) -> None:
        for event in events:
            try:
                self._commit(event.position, partial(self._write_one, event))
            except (CheckpointMoved, ReadModelUnavailable):
                raise
            except Exception as error:  # noqa: BLE001 - see apply
                self._give_up(event, error)
        if covered > self.position:
            self._commit(covered, lambda _: 0)

    def _give_up(self, event: RecordedEvent, error: Exception) -> None:
        """Stop before *event*, or park it and go on, as the policy says."""
        where = self._handling.place_of(event)
        cause: BaseException = error
        if isinstance(error, EventFailed):
            where, cause = error.where, error.__cause__ or error
        if isinstance(self._on_failure, Park):
            name = self._projection.name
            self._commit(
                event.position,
                lambda connection: park(connection, name, event, where, cause, self._clock()),
            )
            return
        raise HandlerFailed(
            projection=self._projection.name,
            place=event.place,
            handler=where,
            reason=f"{type(cause).__name__}: {cause}",
            event_id=event.id,
        ) from cause

    def _write_all(self, connection: Connection, events: Sequence[RecordedEvent]) -> int:
        """Write *events*, except those that wait behind a parked one; return how many wait."""
        name = self._projection.name
        if not self.parked or not events:
            self._handling.apply_all(connection, events)
            return 0
        blocked = blocked_streams(connection, name, {event.stream for event in events})
        waiting = [e for e in events if e.stream in blocked and self._handling.handles(e)]
        for event in waiting:
            behind(connection, name, event, self._clock())
        free = [event for event in events if event.stream not in blocked]
        self._handling.apply_all(connection, free)
        return len(waiting)

    def _write_one(self, event: RecordedEvent, connection: Connection) -> int:
        if self.parked and blocked_streams(connection, self._projection.name, {event.stream}):
            return self._write_all(connection, (event,))
        self._handling.apply_one(connection, event)
        return 0

    def _commit(self, covered: int, work: Callable[[Connection], int]) -> None:
        """Move the checkpoint to *covered* and do *work*, which says how many events it parked."""

        def transaction(connection: Connection) -> int:
            # First of all: it takes the lock, so nobody parks or applies beside this transaction.
            name = self._projection.name
            move_checkpoint(connection, name, self.position, covered, self._clock())
            self.parked = count_parked(connection, name)
            return work(connection)

        self._in_doubt = covered
        try:
            newly_parked = self._read_model.write(transaction)
        except ReadModelUnavailable:
            raise  # its answer may be what was lost: the doubt stays
        except BaseException:
            self._in_doubt = None
            raise
        self._in_doubt = None
        self.position = covered
        self.parked += newly_parked

    def _settle_doubt(self) -> None:
        """Find out whether a transaction whose answer was lost was committed after all."""
        if self._in_doubt is None:
            return
        name = self._projection.name
        stored = self._read_model.write(lambda connection: read_checkpoint(connection, name))
        if stored == self._in_doubt:
            self.position = self._in_doubt
        self._in_doubt = None
