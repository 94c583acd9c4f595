"""The worker of one partition.

start ──> follow the subscription ──> (lease still good?) ──> apply each batch ──> …
                                         │ read model unavailable: wait longer each time
                                         │ event fails: stop or park
                                         │ lease not renewed: wait; taken by another: end
`stop` ──> the batch under way is finished ──> end
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from backstory.core.clock import from_microseconds
from backstory.core.errors import CheckpointAhead, ProjectionError
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.projections.advancing import Advance
from backstory.projections.leases.lease import Lease
from backstory.projections.persisting import Persisting
from backstory.projections.progress import Progress
from backstory.projections.status import PartitionStatus
from backstory.projections.subscription import Batch, State, Subscription


class Applies(Protocol):
    """What is done with the events of a partition."""

    async def __call__(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Apply *events*, up to position *covered*; returns early when it is to stop."""
        ...


class Source(msgspec.Struct, frozen=True):
    """Which events a worker follows: those of *query* in *store*; see `Subscription`."""

    store: EventStore
    query: Read
    gather: float

    def follow(self, after: int) -> Subscription:
        """Return the events behind position *after*."""
        return Subscription(self.store, self.query, after=after, gather=self.gather)


class PartitionWorker:
    """Applies the events of one partition, each exactly once, in order, page by page."""

    def __init__(
        self,
        advance: Advance,
        applies: Applies,
        *,
        source: Source,
        persisting: Persisting,
        lease: Lease | None = None,
    ) -> None:
        """Follow *source* from the checkpoint of *advance*; with a *lease*, while it is good."""
        self._advance = advance
        self._applies = applies
        self._source = source
        self._persisting = persisting
        self._lease = lease
        self._progress = Progress()
        self._subscription: Subscription | None = None
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._failure: str | None = None
        self._in_hand: Sequence[RecordedEvent] = ()
        self._last_us: int | None = None

    async def run(self) -> None:
        """Apply what is there and what comes, until `stop`; see `Worker.run`."""
        async with self._working() as subscription:
            await self._apply_from(subscription)

    async def catch_up(self) -> int:
        """Apply everything up to the present head and return the position reached."""
        async with self._working() as subscription:
            head = await self._source.store.head()
            if head < self._progress.position:
                raise CheckpointAhead(position=self._progress.position, head=head)
            if head > self._progress.position:
                await self._apply_from(subscription, until=head)
        return self._progress.position

    async def stop(self) -> None:
        """End `run` or `catch_up` after the batch under way, and wait for that. It is final."""
        self._persisting.stop()
        if self._subscription is not None:
            await self._subscription.close()
        if self._lease is not None:
            self._lease.let_go()
        await self._at_rest.wait()

    async def wait_for(self, position: int, timeout: float) -> None:  # noqa: ASYNC109 - what callers mean
        """Return once everything up to *position* is applied; raises `CaughtUpTimeout`."""
        await self._progress.wait_for(position, timeout)

    @property
    def status(self) -> PartitionStatus:
        """Return how the worker stands now; asks nobody."""
        position = self._progress.position
        subscription = self._subscription
        head = max(position, subscription.head if subscription else position)
        return PartitionStatus(
            partition=self._advance.partition.number,
            state=subscription.state if subscription else State.CLOSED,
            position=position,
            head=head,
            lag=head - position,
            lag_seconds=self._lag_seconds(position, head),
            parked=self._advance.parked,
            failure=self._failure,
            token=self._lease.token if self._lease else None,
        )

    def _lag_seconds(self, position: int, head: int) -> float | None:
        if position >= head:
            return 0.0
        waiting = (event for event in self._in_hand if event.position > position)
        oldest = next(waiting, None)
        # Between two pages nobody knows the next event; it is no older than the one before it.
        recorded_us = self._last_us if oldest is None else oldest.recorded_us
        if recorded_us is None:
            return None
        age = self._advance.read_model.clock() - from_microseconds(recorded_us)
        return max(0.0, age.total_seconds())

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[Subscription]:
        if not self._at_rest.is_set():
            message = f"this worker of {self._advance.partition} is running already; make another"
            raise ProjectionError(message)
        self._at_rest.clear()
        self._failure = None
        try:
            position = await self._persisting.do(self._advance.start) or 0
            self._progress.reach(position)
            self._subscription = self._source.follow(position)
            if self._persisting.is_stopping:
                await self._subscription.close()
            yield self._subscription
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            if self._subscription is not None:
                await self._subscription.close()
            self._at_rest.set()

    async def _apply_from(self, subscription: Subscription, until: int | None = None) -> None:
        """Apply batch after batch, up to position *until* when given, or until stopped.

        Reads the next batch while one is applied, so there are two in memory.
        """
        upcoming = asyncio.ensure_future(anext(subscription, None))
        try:
            while (batch := await upcoming) is not None:
                upcoming = asyncio.ensure_future(anext(subscription, None))
                await self._apply(batch)
                # A batch given up because of the stop must not be followed by the next one.
                if self._persisting.is_stopping:
                    return
                if until is not None and self._progress.position >= until:
                    return
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)

    async def _apply(self, batch: Batch) -> None:
        self._in_hand = self._advance.partition.only(batch.events)
        if self._lease is not None and not await self._lease.ready():
            return
        try:
            await self._applies(self._in_hand, batch.position)
        finally:
            self._progress.reach(self._advance.position)
        self._in_hand = ()
        if batch.events:
            self._last_us = batch.events[-1].recorded_us
