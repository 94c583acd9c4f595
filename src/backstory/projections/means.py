"""What the workers of one process work with, and how a worker of one partition is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.listening import Applying, AroundBatch
from backstory.core.read import MAX_LIMIT, MAX_TYPES, Read
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.fencing import Fence
from backstory.projections.partition_worker import Source
from backstory.projections.partitions import Partition
from backstory.projections.persisting import Threads
from backstory.projections.read_model import ReadModel


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers of a process share.

    `page` is how many events are applied in one transaction at most, `gather` how many seconds a
    batch waits for company, `threads` where the read model is written, `around` who stands around
    each batch. In a replay there may be a `fence`, and several `deliveries` of each event.
    """

    schema: Schema
    store: EventStore
    read_model: ReadModel
    threads: Threads
    page: int
    gather: float
    around: list[AroundBatch]
    fence: Fence | None = None
    deliveries: int = 1

    def source(self, types: Sequence[str], partition: Partition) -> Source:
        """Return the events of *types*, in pages that hold about `page` of *partition*."""
        # A read names a bounded number of types; who follows more reads all and passes over.
        query = Read(
            types=tuple(types) if len(types) <= MAX_TYPES else (),
            limit=min(self.page * partition.of, MAX_LIMIT),
        )
        return Source(self.store, query, self.gather)

    @contextmanager
    def applying(
        self, partition: Partition, events: Sequence[RecordedEvent], covered: int
    ) -> Iterator[None]:
        """Let whoever listens stand around the batch."""
        with ExitStack() as stack:
            for around in self.around:
                batch = Applying(partition.projection, partition.number, events, covered)
                stack.enter_context(around(batch))
            yield
