"""A lease as the process that took it knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from backstory.core.errors import LeaseLost
from backstory.projections.partitions import Partition


class Lease:
    """The right to apply one partition, for as long as it is renewed. For one event loop.

    What protects the rows is the `token`: the database refuses every one but the newest. This
    object keeps a process that could not renew from trying. It counts with a clock of its own that
    nobody can set, from the moment before the database was asked.
    """

    def __init__(
        self,
        partition: Partition,
        token: int,
        *,
        until: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Hold *partition* with *token* until *clock* shows *until*."""
        self.partition = partition
        self.token = token
        self._until = until
        self._clock = clock
        self._lost = False
        self._let_go = False
        self._changed = asyncio.Event()

    @property
    def is_lost(self) -> bool:
        """Say whether another process holds it now."""
        return self._lost

    def renew(self, until: float) -> None:
        """Go on until *until*; wakes those who wait in `ready`."""
        self._until = until
        self._changed.set()

    def lose(self) -> None:
        """Give up for good: the database knows a newer token."""
        self._lost = True
        self._changed.set()

    def let_go(self) -> None:
        """Send home whoever waits in `ready`: the lease is to be released."""
        self._let_go = True
        self._changed.set()

    async def ready(self) -> bool:
        """Return True once batches may be applied, False when none are to be applied any more.

        Raises `LeaseLost` when another process holds the lease now.
        """
        while not self._let_go:
            if self._lost:
                raise LeaseLost(
                    projection=self.partition.projection,
                    partition=self.partition.number,
                    token=self.token,
                )
            if self._clock() < self._until:
                return True
            self._changed.clear()
            await self._changed.wait()
        return False
