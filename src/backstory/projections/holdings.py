"""What one process holds of all there is to apply, and how it comes to its share.

Every round: renew the leases when it is time, look who lives and who holds what, compute the share
of everybody, give back what is too much, take what is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import msgspec

from backstory.core.errors import ReadModelUnavailable
from backstory.projections.changes import Change, Hear, What
from backstory.projections.holding import Holding, Make
from backstory.projections.leases.lease import Lease
from backstory.projections.leases.seen import Seen, see
from backstory.projections.leases.sharing import share
from backstory.projections.leases.table import LeaseTable
from backstory.projections.partitions import Partition
from backstory.projections.persisting import Threads
from backstory.projections.read_model import ReadModel

LOOK: Final = 0.5
"""Seconds between two looks at the leases, at most."""

_RENEWALS: Final = 3
"""How often a lease is renewed in its time: one or two may fail."""

_SOON: Final = 0.01


class Share(msgspec.Struct, frozen=True):
    """What a process is able to apply of one projection or reactor: all partitions, by *make*."""

    partitions: int
    make: Make


class Holdings:
    """The partitions that this process holds. For one event loop.

    `failures` says, after `drain`, which of them had failed until then, and why.
    """

    def __init__(
        self, read_model: ReadModel, table: LeaseTable, threads: Threads, hear: Hear
    ) -> None:
        """Take leases from *table*, which is asked in *threads*."""
        self._read_model = read_model
        self._table = table
        self._threads = threads
        self._hear = hear
        self._able: dict[str, Share] = {}
        self._held: dict[Partition, Holding] = {}
        self._leaving: dict[Partition, asyncio.Task[None]] = {}
        self._renew_at = 0.0
        self._seen: Seen | None = None
        self.failures: dict[Partition, str] = {}

    def add(self, projection: str, able: Share) -> None:
        """Take part in applying *projection* from the next round on."""
        self._able[projection] = able
        self._renew_at = 0.0

    @property
    def held(self) -> Sequence[Holding]:
        """Return what is held, in order."""
        return [self._held[partition] for partition in sorted(self._held)]

    @property
    def elsewhere(self) -> Mapping[Partition, str]:
        """Return who held each partition that others hold, when we looked last."""
        if self._seen is None:
            return {}
        return {
            partition: owner
            for partition, owner in self._seen.held.items()
            if owner not in (None, self._table.owner) and owner is not None
        }

    async def round(self) -> float:
        """Come closer to the share of this process; return the seconds until the next round.

        Raises `ReadModelUnavailable`; what is held stays held for as long as the leases last.
        """
        if monotonic() >= self._renew_at:
            await self._renew()
        self._seen = await see(self._read_model, self._table.owner)
        target = share(self._seen.held, self._seen.able)
        me = self._table.owner
        for partition, holding in self._held.items():
            if holding.lease.is_lost or target.get(partition, me) != me:
                self._end(holding)
        for partition, owner in sorted(target.items()):
            if owner == me and partition not in self._held and self._is_able(partition):
                await self._take(partition, self._seen.tokens[partition])
        wait = min(LOOK, self._renew_at - monotonic(), self._seen.changes_in + _SOON)
        return max(_SOON, wait)

    def _is_able(self, partition: Partition) -> bool:
        able = self._able.get(partition.projection)
        return able is not None and able.partitions == partition.of

    async def _renew(self) -> None:
        begun = monotonic()
        names = list(self._able)
        tokens = await self._threads.do(lambda: self._table.renew(names))
        for partition, holding in self._held.items():
            if tokens.get((partition.projection, partition.number)) == holding.lease.token:
                holding.lease.renew(begun + self._table.seconds)
            elif partition not in self._leaving:  # else it may have been released a moment ago
                holding.lease.lose()
        self._renew_at = begun + self._table.seconds / _RENEWALS

    async def _take(self, partition: Partition, seen: int) -> None:
        begun = monotonic()
        token = await self._threads.do(lambda: self._table.take(partition, seen))
        if token is None:
            return
        lease = Lease(partition, token, until=begun + self._table.seconds)
        make = self._able[partition.projection].make
        self._held[partition] = Holding(lease, make, self._hear)
        self._tell("taken", partition)

    def _end(self, holding: Holding) -> None:
        """Begin to give *holding* back, unless that has begun."""
        partition = holding.partition
        if partition not in self._leaving:
            self._leaving[partition] = asyncio.create_task(self._give_back(holding))

    async def _give_back(self, holding: Holding) -> None:
        """End the worker after the batch under way, and let another take the partition at once."""
        partition = holding.partition
        try:
            await holding.stop()
            if not holding.lease.is_lost:
                await self._threads.do(lambda: self._table.release(partition))
        except ReadModelUnavailable:
            pass  # the lease ends by itself
        finally:
            self._held.pop(partition, None)
            self._leaving.pop(partition, None)
        if holding.lease.is_lost:
            self._tell("lost", partition, "another process has taken it over")
        else:
            self._tell("released", partition)

    async def drain(self) -> None:
        """Give everything back, each partition as soon as its batch is done."""
        for holding in self._held.values():
            if holding.failure is not None:
                self.failures[holding.partition] = holding.failure
            self._end(holding)
        await asyncio.gather(*self._leaving.values())
        # Where that cannot be said, everybody sees that we are gone a little later.
        with suppress(ReadModelUnavailable):
            await self._threads.do(self._table.leave)

    def _tell(self, what: What, partition: Partition, reason: str | None = None) -> None:
        self._hear(Change(what, partition.projection, partition.number, reason))
