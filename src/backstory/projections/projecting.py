"""A worker of one partition of a projection."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from backstory.core.events import RecordedEvent
from backstory.projections.advancing import Advance
from backstory.projections.applying import Applier
from backstory.projections.batch import Handling
from backstory.projections.leases.lease import Lease
from backstory.projections.means import Means
from backstory.projections.partition_worker import PartitionWorker
from backstory.projections.partitions import Partition
from backstory.projections.persisting import Persisting
from backstory.projections.policy import OnFailure, Retry
from backstory.projections.projection import Projection
from backstory.projections.statements import Plans


class Projecting:
    """Applies batches to the read model, in a thread."""

    def __init__(
        self, applier: Applier, partition: Partition, persisting: Persisting, means: Means
    ) -> None:
        """Apply with *applier*, in the threads of *persisting*."""
        self._applier = applier
        self._partition = partition
        self._persisting = persisting
        self._means = means

    async def __call__(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Apply *events*; see `Applies`."""
        await self._persisting.do(lambda: self._apply(events, covered))

    def _apply(self, events: Sequence[RecordedEvent], covered: int) -> None:
        with self._means.applying(self._partition, events, covered):
            self._applier.apply(events, covered)


def projection_worker(
    projection: Projection,
    means: Means,
    partition: Partition,
    lease: Lease | None = None,
    *,
    on_failure: OnFailure | None = None,
    retry: Retry | None = None,
) -> PartitionWorker:
    """Return a worker of *partition*, with the policies of *projection* unless told otherwise.

    Raises `InvalidInput` for a projection without handlers, and `SchemaError` for handlers of
    events that the schema does not hold.
    """
    plans = Plans(means.read_model.database.engine.dialect)
    handling = Handling(
        projection, means.schema, plans, fence=means.fence, deliveries=means.deliveries
    )
    token = lease.token if lease else None
    prepare = partial(means.read_model.prepare_now, projection)
    advance = Advance(partition, means.read_model, token, prepare)
    persisting = Persisting(means.threads, retry or projection.retry)
    applier = Applier(advance, handling, on_failure or projection.on_failure)
    return PartitionWorker(
        advance,
        Projecting(applier, partition, persisting, means),
        source=means.source(handling.types, partition),
        persisting=persisting,
        lease=lease,
    )
