"""The worker: keeps one projection's read model in step with a store.

start ──> follow the subscription ──> apply each batch in the worker's thread ──> …
                                         │ read model unavailable: wait longer each time
                                         │ event fails: stop or park
`stop` ──> the batch under way is finished ──> end
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from backstory.core.errors import CheckpointAhead, ProjectionError, ReadModelUnavailable
from backstory.core.read import MAX_TYPES, Read
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.applying import Applier
from backstory.projections.batch import Handling
from backstory.projections.policy import OnFailure, Retry, Stop
from backstory.projections.progress import Progress
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans
from backstory.projections.subscription import Batch, State, Subscription

T = TypeVar("T")


class Status(msgspec.Struct, frozen=True):
    """How a worker stands: what it is doing, what it has applied, and what it has not.

    `lag` is how many positions of the log it has still to cover, as far as it knows. `failure`
    says why it stopped, None when it did not fail.
    """

    projection: str
    state: State
    position: int
    head: int
    lag: int
    parked: int
    failure: str | None


class Worker:
    """Applies events to a read model, each exactly once, in order, page by page.

    Rows and checkpoint change in one transaction, so the process may be killed at any point. Any
    number of workers may run one projection: one gets on, the others raise `CheckpointMoved` and
    have written nothing. All work on the database is done in a thread of the worker's own, so the
    event loop never waits for it. Use it from one event loop.
    """

    def __init__(
        self,
        projection: Projection,
        *,
        schema: Schema,
        store: EventStore,
        read_model: ReadModel,
        on_failure: OnFailure | None = None,
        retry: Retry | None = None,
        page: int = 1_000,
    ) -> None:
        """Take what it works with; *page* events at most are applied in one transaction.

        *on_failure* decides on an event that cannot be applied (`Stop()` unless told), *retry* on
        a read model that cannot be reached. Raises `InvalidInput`, and `SchemaError` for handlers
        of events that *schema* does not hold.
        """
        handling = Handling(projection, schema, Plans(read_model.database.engine.dialect))
        types = handling.types
        # A read names a bounded number of types; a projection of more reads all and passes over.
        self._query = Read(types=types if len(types) <= MAX_TYPES else (), limit=page)
        self._projection = projection
        self._store = store
        self._applier = Applier(projection, handling, read_model, on_failure or Stop())
        self._retry = retry or Retry()
        self._progress = Progress()
        self._subscription: Subscription | None = None
        self._stopping = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._failure: str | None = None
        self._executor: ThreadPoolExecutor | None = None

    async def run(self) -> None:
        """Apply what is there and what comes, until `stop`.

        Raises `HandlerFailed` when an event cannot be applied and the policy is to stop,
        `ReadModelUnavailable` when the retries are used up, `CheckpointMoved` when another worker
        got on, `CheckpointAhead` and `StoreClosed`. While the store is unavailable it waits.
        When cancelled it ends after the batch under way. After `stop` it returns at once.
        """
        async with self._working() as subscription:
            await self._apply_from(subscription)

    async def catch_up(self) -> int:
        """Apply everything up to the present head and return the position reached.

        That is less than the head only when the worker was stopped meanwhile. Raises what `run`
        raises, and `StoreUnavailable`.
        """
        async with self._working() as subscription:
            head = await self._store.head()
            if head < self._progress.position:
                raise CheckpointAhead(position=self._progress.position, head=head)
            if head > self._progress.position:
                await self._apply_from(subscription, until=head)
        return self._progress.position

    async def stop(self) -> None:
        """End `run` or `catch_up` after the batch under way, and wait for that. It is final."""
        self._stopping.set()
        if self._subscription is not None:
            await self._subscription.close()
        await self._at_rest.wait()

    async def wait_for(self, position: int, timeout: float) -> None:  # noqa: ASYNC109 - what callers mean
        """Return once everything up to *position* is applied and can be read.

        Raises `CaughtUpTimeout` after *timeout* seconds.
        """
        await self._progress.wait_for(position, timeout)

    @property
    def status(self) -> Status:
        """Return how the worker stands now; asks nobody."""
        position = self._progress.position
        subscription = self._subscription
        head = max(position, subscription.head if subscription else position)
        return Status(
            projection=self._projection.name,
            state=subscription.state if subscription else State.CLOSED,
            position=position,
            head=head,
            lag=head - position,
            parked=self._applier.parked,
            failure=self._failure,
        )

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[Subscription]:
        if not self._at_rest.is_set():
            message = f"this worker of {self._projection!r} is running already; make another one"
            raise ProjectionError(message)
        self._at_rest.clear()
        self._failure = None
        self._executor = ThreadPoolExecutor(1, f"backstory-{self._projection.name}")
        try:
            position = await self._persist(self._applier.start) or 0
            self._progress.reach(position)
            self._subscription = Subscription(self._store, self._query, after=position)
            if self._stopping.is_set():
                await self._subscription.close()
            yield self._subscription
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._executor.shutdown(wait=False)
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
                if self._stopping.is_set():
                    return
                if until is not None and self._progress.position >= until:
                    return
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)

    async def _apply(self, batch: Batch) -> None:
        try:
            await self._persist(lambda: self._applier.apply(batch.events, batch.position))
        finally:
            self._progress.reach(self._applier.position)

    async def _persist(self, work: Callable[[], T]) -> T | None:
        """Do *work* in the thread, again while the read model is unavailable; None when stopped."""
        attempt = 0
        while True:
            try:
                return await self._in_thread(work)
            except ReadModelUnavailable:
                attempt += 1
                if attempt >= self._retry.attempts:
                    raise
            if await self._stopped_within(self._retry.backoff.delay(attempt)):
                return None

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do *work* in the worker's thread; when cancelled, leave only after it has ended."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise
