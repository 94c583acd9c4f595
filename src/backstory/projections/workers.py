"""The workers of a process: projections and reactors, shared with other processes by leases."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from backstory.core.alarm import Alarm
from backstory.core.errors import (
    InvalidInput,
    ReadModelUnavailable,
    StoreUnavailable,
)
from backstory.core.ids import uuid7
from backstory.core.listening import AroundBatch
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.changes import Change, Hear, log_change
from backstory.projections.followers import Follower, maker_of, prepare
from backstory.projections.holding import PAUSE
from backstory.projections.holdings import Holdings, Share
from backstory.projections.leases.table import LeaseTable
from backstory.projections.means import Means
from backstory.projections.partitions import Partition
from backstory.projections.persisting import Threads
from backstory.projections.read_model import ReadModel
from backstory.projections.status import Status, status_of
from backstory.projections.worker import GATHER

LEASE: Final = 10.0
"""Seconds after which the partitions of a dead process are taken over, unless told otherwise."""

_log: Final = logging.getLogger("backstory.workers")
_SHORTEST: Final = 0.2


class Workers:
    """Runs projections and reactors, and shares their partitions with other processes.

    Every process that runs workers on the same read model takes its share of the partitions, gives
    some back when others come, and takes over from those that go or die. A partition is applied by
    who holds its lease; a lease that is not renewed can be taken by another, and its token raised.
    Each batch is written under the newest token or not at all, so a process that was paused and
    goes on cannot write beside the one that took over.

    A projection that fails stands still and is shown in `status`; the others go on. What passes by
    itself (a database that is away) is waited for without end. Use it from one event loop.
    """

    def __init__(
        self,
        followers: Sequence[Follower],
        *,
        schema: Schema,
        store: EventStore,
        read_model: ReadModel,
        lease: float = LEASE,
        page: int = 1_000,
        hear: Hear = log_change,
    ) -> None:
        """Take what they work with; a dead process's partitions are taken over in *lease* seconds.

        *hear* is told of everything that happens to a partition. Raises `InvalidInput` for two
        followers of one name, for one without handlers and for a lease that is too short, and
        `SchemaError` for handlers of events that *schema* does not hold.
        """
        _check(followers, lease)
        dialect = read_model.database.engine.dialect
        partitions = sum(follower.partitions for follower in followers)
        threads = Threads(dialect, partitions, "apply")
        self._means = Means(
            schema=schema,
            store=store,
            read_model=read_model,
            threads=threads,
            page=page,
            gather=GATHER,
            around=[],
        )
        self._followers = {follower.name: follower for follower in followers}
        self._makers = {name: maker_of(one, self._means) for name, one in self._followers.items()}
        # A lease must not wait for batches to be written, but where there is one writer it must.
        leasing = threads if dialect.name == "sqlite" else Threads(dialect, 1, "leases")
        table = LeaseTable(read_model, _name_of_this_process(), lease)
        self._leasing = leasing
        self._holdings = Holdings(read_model, table, leasing, hear)
        self._hear = hear
        self._alarm = Alarm(_log, "workers wait for their databases")
        self._failures: dict[str, str] = {}
        self._stopping = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    async def run(self) -> None:
        """Apply what is there and what comes, until `stop`; then give everything back.

        When cancelled it gives everything back, too. Raises nothing that only concerns one
        projection: see `status`.
        """
        self._at_rest.clear()
        try:
            with self._means.threads.open(), self._leasing.open():
                try:
                    await self._take_part()
                finally:
                    await self._holdings.drain()
        finally:
            self._at_rest.set()

    async def _take_part(self) -> None:
        unprepared = list(self._followers.values())
        while not self._stopping.is_set():
            try:
                unprepared = [one for one in unprepared if not await self._prepare(one)]
                wait = await self._holdings.round()
                self._alarm.settle("the read model of the workers is there again")
            except ReadModelUnavailable as error:
                self._alarm.ring(reason=str(error))
                wait = PAUSE
            await self._pause(wait)

    async def _prepare(self, follower: Follower) -> bool:
        """Get *follower* ready and take part in it; False when that is to be tried again.

        One that can never be made ready is shown as failed.
        """
        try:
            await prepare(follower, self._means)
        except ReadModelUnavailable:
            raise
        except StoreUnavailable:
            return False
        except Exception as error:  # noqa: BLE001 - the others go on
            self._failures[follower.name] = f"{type(error).__name__}: {error}"
            for number in range(follower.partitions):
                self._hear(Change("failed", follower.name, number, str(error)))
        else:
            share = Share(follower.partitions, self._makers[follower.name])
            self._holdings.add(follower.name, share)
        return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def stop(self) -> None:
        """End `run` after the batches under way, give everything back, and wait for that."""
        self._stopping.set()
        await self._at_rest.wait()

    def around_batches(self, around: AroundBatch) -> None:
        """Let *around* stand around every batch from now on, where it is applied."""
        self._means.around.append(around)

    @property
    def status(self) -> Sequence[Status]:
        """Return how each projection and reactor stands here; asks nobody.

        The partitions of each are those that this process holds; it may be none.
        """
        return [self._status(name) for name in self._followers]

    def _status(self, name: str) -> Status:
        held = [one.status for one in self._holdings.held if one.partition.projection == name]
        status = status_of(name, held)
        drained = self._holdings.failures.items()
        failed = [reason for partition, reason in drained if partition.projection == name]
        failure = self._failures.get(name) or next(iter(failed), None)
        return status if failure is None else msgspec.structs.replace(status, failure=failure)

    @property
    def elsewhere(self) -> Mapping[Partition, str]:
        """Return which process holds each partition that this one does not, when it looked last."""
        return self._holdings.elsewhere


def _name_of_this_process() -> str:
    # For people who look into the table; what makes it unique comes last.
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{uuid7().hex[-12:]}"


def _check(followers: Sequence[Follower], lease: float) -> None:
    if lease < _SHORTEST:
        message = f"a lease lasts {_SHORTEST:g} seconds or longer, not {lease:g}"
        raise InvalidInput(message)
    if len({follower.name for follower in followers}) != len(followers):
        message = "projections and reactors share their checkpoints' table: name each its own"
        raise InvalidInput(message)
