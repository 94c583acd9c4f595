"""A worker of one partition of a reactor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import Connection

from backstory.core.errors import InvalidInput, ReactionFailed, SchemaError
from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.advancing import Advance
from backstory.projections.leases.lease import Lease
from backstory.projections.means import Means
from backstory.projections.parking import Failure, behind, blocked_streams, park
from backstory.projections.partition_worker import PartitionWorker
from backstory.projections.partitions import Partition
from backstory.projections.persisting import Persisting
from backstory.projections.places import failing_place
from backstory.projections.policy import Park
from backstory.projections.reactor import Reactor


class Reactions:
    """Knows how a reactor handles each stored type of event."""

    def __init__(self, reactor: Reactor, schema: Schema) -> None:
        """Look the handlers up; raises `InvalidInput` without any, `SchemaError` as `Handling`."""
        if not reactor.handlers:
            message = f"{reactor!r} handles no event; register handlers with .on(...) first"
            raise InvalidInput(message)
        self._reactor = reactor
        self._schema = schema
        self._handlers: dict[str, Callable[..., Awaitable[None]]] = {
            name: handler
            for python, handler in reactor.handlers.items()
            for name in schema.names_of(python)
        }

    @property
    def types(self) -> tuple[str, ...]:
        """Return the stored types that are handled, old names included."""
        return tuple(self._handlers)

    def handles(self, recorded: RecordedEvent) -> bool:
        """Say whether the event is of interest."""
        return recorded.type in self._handlers

    async def react(self, recorded: RecordedEvent) -> None:
        """Call the handler of the event; raises whatever that raises."""
        event = self._schema.decode(recorded)
        key = self._reactor.key_of(recorded.id)
        await self._handlers[recorded.type](event, recorded, key)

    def failure(self, recorded: RecordedEvent, error: Exception, attempts: int) -> Failure:
        """Return why the event could not be handled."""
        handler = self._handlers[recorded.type]
        return Failure(failing_place(error, handler), error, attempts)


class _NotBlocked(Exception):
    """The event that stood before this one was let go meanwhile."""


class Reacting:
    """Calls handlers one event after the other; the checkpoint follows each of them."""

    def __init__(
        self,
        reactor: Reactor,
        reactions: Reactions,
        advance: Advance,
        *,
        means: Means,
        persisting: Persisting,
        lease: Lease | None,
    ) -> None:
        """Take what it works with."""
        self._reactor = reactor
        self._reactions = reactions
        self._advance = advance
        self._means = means
        self._persisting = persisting
        self._lease = lease

    async def __call__(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Handle *events*; see `Applies`."""
        with self._means.applying(self._advance.partition, events, covered):
            for event in events:
                if not self._reactions.handles(event):
                    continue
                if not await self._waits(event):
                    await self._handle(event)
                if self._advance.position < event.position:
                    return  # given up, because it is to stop
            await self._move(covered)

    async def _waits(self, event: RecordedEvent) -> bool:
        """Park *event* behind an earlier one of its stream, if there is one; say whether so."""
        if not self._advance.parked:
            return False

        def wait(connection: Connection) -> int:
            # Asked where nobody can let the earlier one go meanwhile.
            name = self._reactor.name
            if not blocked_streams(connection, name, {event.stream}):
                raise _NotBlocked
            behind(connection, self._advance.partition, event, self._means.read_model.clock())
            return 1

        try:
            await self._move(event.position, wait)
        except _NotBlocked:
            return False
        return True

    async def _handle(self, event: RecordedEvent) -> None:
        """Call the handler until it succeeds, or as often as the reactor says."""
        retry, attempt = self._reactor.retry, 0
        while self._lease is None or await self._lease.ready():
            try:
                await self._reactions.react(event)
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                attempt += 1
                # What cannot be decoded now cannot be decoded a little later.
                if attempt >= retry.attempts or isinstance(error, SchemaError):
                    await self._give_up(event, self._reactions.failure(event, error, attempt))
                    return
                if await self._persisting.stopped_within(retry.backoff.delay(attempt)):
                    return
            else:
                await self._move(event.position)
                return

    async def _give_up(self, event: RecordedEvent, failure: Failure) -> None:
        partition, now = self._advance.partition, self._means.read_model.clock()
        if isinstance(self._reactor.on_failure, Park):
            await self._move(
                event.position,
                lambda connection: park(connection, partition, event, failure, now),
            )
            return
        raise ReactionFailed(
            reactor=self._reactor.name,
            place=event.place,
            handler=failure.where,
            reason=failure.reason,
            event_id=event.id,
            attempts=failure.attempts,
        ) from failure.cause

    async def _move(self, position: int, work: Callable[[Connection], int] = lambda _: 0) -> None:
        """Move the checkpoint to *position* with *work*; not when it is to stop meanwhile."""
        await self._persisting.do(lambda: self._advance.go(position, work))


def reactor_worker(
    reactor: Reactor, means: Means, partition: Partition, lease: Lease | None = None
) -> PartitionWorker:
    """Return a worker of *partition*, whose checkpoint must be there.

    Raises `InvalidInput` for a reactor without handlers, and `SchemaError` for handlers of events
    that the schema does not hold.
    """
    reactions = Reactions(reactor, means.schema)
    advance = Advance(partition, means.read_model, lease.token if lease else None)
    persisting = Persisting(means.threads, reactor.retry)
    return PartitionWorker(
        advance,
        Reacting(reactor, reactions, advance, means=means, persisting=persisting, lease=lease),
        source=means.source(reactions.types, partition),
        persisting=persisting,
        lease=lease,
    )
