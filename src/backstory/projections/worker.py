"""The worker: keeps one projection's read model in step with a store, in this process alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Final, TypeVar

from backstory.core.errors import HandlerFailed
from backstory.core.listening import AroundBatch
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.fencing import Fence
from backstory.projections.means import Means
from backstory.projections.partitions import partitions_of
from backstory.projections.persisting import Threads
from backstory.projections.policy import OnFailure, Retry
from backstory.projections.projecting import projection_worker
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.status import Status, status_of

T = TypeVar("T")

GATHER: Final = 0.01
"""Seconds that a batch waits for company, once events come in handfuls."""


class Worker:
    """Applies events to a read model, each exactly once, in order, page by page.

    Rows and checkpoint change in one transaction, so the process may be killed at any point. Any
    number of workers may run one projection: one gets on, the others raise `CheckpointMoved` and
    have written nothing; `Workers` share the partitions instead. A projection of several partitions
    is applied by as many workers in one. All work on the database is done in threads of the
    worker's own, so the event loop never waits for it. Use it from one event loop.
    """

    def __init__(  # noqa: PLR0913 - four to work with, and settings that all have a default
        self,
        projection: Projection,
        *,
        schema: Schema,
        store: EventStore,
        read_model: ReadModel,
        on_failure: OnFailure | None = None,
        retry: Retry | None = None,
        page: int = 1_000,
        gather: float = GATHER,
        fence: Fence | None = None,
        deliveries: int = 1,
    ) -> None:
        """Take what it works with; *page* events at most are applied in one transaction.

        *on_failure* decides on an event that cannot be applied and *retry* on a read model that
        cannot be reached, in place of what the projection says. Once events come in handfuls, a
        batch waits *gather* seconds for company; one that comes alone is applied at once. In a
        replay, handlers run behind a *fence*, and are given each event *deliveries* times. Raises
        `InvalidInput`, and `SchemaError` for handlers of events that *schema* does not hold.
        """
        self._projection = projection
        dialect = read_model.database.engine.dialect
        means = Means(
            schema=schema,
            store=store,
            read_model=read_model,
            threads=Threads(dialect, projection.partitions, projection.name),
            page=page,
            gather=gather,
            around=[],
            fence=fence,
            deliveries=deliveries,
        )
        self._means = means
        self._parts = [
            projection_worker(projection, means, partition, on_failure=on_failure, retry=retry)
            for partition in partitions_of(projection.name, projection.partitions)
        ]

    async def run(self) -> None:
        """Apply what is there and what comes, until `stop`.

        Raises `HandlerFailed` when an event cannot be applied and the policy is to stop,
        `ReadModelUnavailable` when the retries are used up, `CheckpointMoved` when another worker
        got on, `PartitionsChanged`, `CheckpointAhead` and `StoreClosed`. What ends one partition
        ends all. While the store is unavailable it waits. When cancelled it ends after the batch
        under way. After `stop` it returns at once.
        """
        with self._means.threads.open():
            await self._together([part.run() for part in self._parts])

    async def catch_up(self, *, apart: bool = False) -> int:
        """Apply everything up to the present head and return the position reached.

        That is less than the head only when the worker was stopped meanwhile. Raises what `run`
        raises, and `StoreUnavailable`. With *apart*, what ends one partition is raised once the
        others have come to the head, too: then the rows do not depend on who was quicker.
        """
        together = self._apart if apart else self._together
        with self._means.threads.open():
            return min(await together([part.catch_up() for part in self._parts]))

    async def _together(self, runs: Sequence[Coroutine[object, object, T]]) -> Sequence[T]:
        """Return what all *runs* give; when one fails, stop the others and raise its error."""
        if len(runs) == 1:
            return [await runs[0]]
        tasks = [asyncio.ensure_future(run) for run in runs]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            failed = [task for task in tasks if task.done() and task.exception()]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [task.result() for task in failed or tasks]

    async def _apart(self, runs: Sequence[Coroutine[object, object, T]]) -> Sequence[T]:
        """Return what all *runs* give, when all have ended; raise the error that says most."""
        ended = await asyncio.gather(*runs, return_exceptions=True)
        failed = [result for result in ended if isinstance(result, BaseException)]
        if failed:
            raise min(failed, key=lambda error: isinstance(error, HandlerFailed))
        return [result for result in ended if not isinstance(result, BaseException)]

    async def stop(self) -> None:
        """End `run` or `catch_up` after the batch under way, and wait for that. It is final."""
        await asyncio.gather(*(part.stop() for part in self._parts))

    async def wait_for(self, position: int, timeout: float) -> None:  # noqa: ASYNC109 - what callers mean
        """Return once everything up to *position* is applied and can be read.

        Raises `CaughtUpTimeout` after *timeout* seconds.
        """
        await asyncio.gather(*(part.wait_for(position, timeout) for part in self._parts))

    def around_batches(self, around: AroundBatch) -> None:
        """Let *around* stand around every batch from now on, in the thread that applies it."""
        self._means.around.append(around)

    @property
    def status(self) -> Status:
        """Return how the worker stands now; asks nobody."""
        return status_of(self._projection.name, [part.status for part in self._parts])
