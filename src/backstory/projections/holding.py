"""A partition that this process holds: its lease, and the worker that applies it again and again.

APPLYING ──> (stop) ──> ended                         given back, or the process ends
   │ ├─────> WAITING ──> APPLYING                     the database is away, or somebody was quicker
   │ └─────> lost                                     another process took the lease
   └───────> failed                                   stands still, with the lease, until the end
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from backstory.core.errors import CheckpointMoved, LeaseLost, ReadModelUnavailable
from backstory.projections.changes import Change, Hear, What
from backstory.projections.leases.lease import Lease
from backstory.projections.partition_worker import PartitionWorker
from backstory.projections.partitions import Partition
from backstory.projections.status import PartitionStatus
from backstory.projections.subscription import State

PAUSE: Final = 0.5
"""Seconds before a worker that ended for a reason that passes is started again."""

Make: TypeAlias = Callable[[Partition, Lease | None], PartitionWorker]
"""Makes a worker of a partition, with its lease."""


class Holding:
    """Applies one partition with a lease until it is told to stop, loses the lease, or fails."""

    def __init__(self, lease: Lease, make: Make, hear: Hear) -> None:
        """Begin to apply the partition of *lease* with workers that *make* makes."""
        self.lease = lease
        self._make = make
        self._hear = hear
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._waiting = False
        self._worker = make(lease.partition, lease)
        self._task = asyncio.create_task(self._run(), name=f"backstory {lease.partition}")

    @property
    def partition(self) -> Partition:
        """Return what is held."""
        return self.lease.partition

    @property
    def status(self) -> PartitionStatus:
        """Return how it stands now."""
        status = self._worker.status
        if self._waiting:
            return msgspec.structs.replace(status, state=State.RECONNECTING, failure=None)
        return status

    @property
    def failure(self) -> str | None:
        """Return why it stands still for good, None when it does not."""
        return self._failure

    async def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()
        self.lease.let_go()
        await self._worker.stop()
        await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._worker.run()
            except LeaseLost:
                self.lease.lose()
                return
            except (CheckpointMoved, ReadModelUnavailable) as error:
                self._waiting = True
                self._tell("waiting", error)
                await self._pause()
                self._waiting = False
                self._worker = self._make(self.partition, self.lease)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                self._failure = f"{type(error).__name__}: {error}"
                self._tell("failed", error)
                return

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PAUSE):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _tell(self, what: What, error: Exception) -> None:
        self._hear(Change(what, self.partition.projection, self.partition.number, str(error)))
