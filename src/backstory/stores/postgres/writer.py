"""Who writes: all appends that wait go to the server together, in one call and one transaction.

While a call is under way the next group gathers by itself: no timer, and a lone append never waits
for company. When many wait, a second call is sent after the first: the server goes on with it while
we answer those of the first and take in what they append next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final

import asyncpg

from backstory.core.clock import Clock, system_clock, to_microseconds
from backstory.core.errors import BackstoryError, StoreClosed, StoreUnavailable
from backstory.core.events import Appended
from backstory.core.listening import Commit, OnCommit
from backstory.core.retaining import StreamDeleted
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.ending import may_be_ended
from backstory.stores.postgres.errors import NOT_CARRIED_OUT, concerns_all, translated_error
from backstory.stores.postgres.group import Part, Pending, call_for, gather, outcomes_of
from backstory.stores.postgres.link import Link, Row

_MANY: Final = 64
"""Appends from which on a second call pays."""

_ATTEMPTS: Final = 3


class Writer:
    """Accepts appends from the tasks of one event loop."""

    def __init__(
        self, connector: Connector, place: str, *, clock: Clock, on_head: Callable[[int], None]
    ) -> None:
        """Write over links of *connector*'s; *on_head* is told each new head.

        Unless *clock* is the system's, it and not the server tells the time.
        """
        self._connector = connector
        self._place = place
        self._clock = None if clock is system_clock else clock
        self._on_head = on_head
        self._hearing: list[OnCommit] = []
        self._waiting: deque[Pending] = deque()
        self._lanes = (_Lane(), _Lane())
        self._closed = False

    def hear(self, hear: OnCommit) -> None:
        """Tell *hear* of every transaction from now on."""
        self._hearing.append(hear)

    def append(self, parts: Sequence[Part]) -> asyncio.Future[Sequence[Appended]]:
        """Write the events of *parts*, all or none; the result is there once they are on disk."""
        if self._closed:
            raise StoreClosed
        pending = Pending(parts, asyncio.get_running_loop().create_future())
        self._waiting.append(pending)
        first, second = self._lanes
        if first.task is None:
            first.task = asyncio.create_task(self._drain(first))
        elif second.task is None and len(self._waiting) >= _MANY:
            second.task = asyncio.create_task(self._drain(second))
        return pending.future

    async def close(self) -> None:
        """Write what was accepted, then close the links."""
        self._closed = True
        for lane in self._lanes:
            if lane.task is not None:
                await lane.task
        for lane in self._lanes:
            if lane.link is not None:
                await lane.link.close()

    async def _drain(self, lane: _Lane) -> None:
        """Write group after group until nothing waits."""
        try:
            while self._waiting:
                group = gather(self._waiting, self._share())
                if group:
                    lane.busy = True
                    await self._write(lane, group)
                    lane.busy = False
        finally:
            lane.task, lane.busy = None, False

    def _share(self) -> int:
        """Return how many of those that wait go in one call: all, or half while both lanes rest."""
        waiting = len(self._waiting)
        resting = not any(lane.busy for lane in self._lanes)
        return max(_MANY, (waiting + 1) // 2) if resting else waiting

    async def _write(self, lane: _Lane, group: Sequence[Pending]) -> None:
        began = perf_counter()
        try:
            row = await self._ask(lane, group)
        except Exception as error:  # noqa: BLE001 - belongs to those who wait; the lane goes on
            if len(group) > 1 and not concerns_all(error):
                # One of them may be what the server cannot take; the others shall not pay for it.
                for pending in group:
                    await self._write(lane, [pending])
            elif may_be_ended(error):
                self._fail(group, await self._tombstone_met(lane, group, error))
            else:
                self._fail(group, error)
        except BaseException as error:
            self._fail(group, error)
            raise
        else:
            self._answer(group, row, perf_counter() - began)

    async def _ask(self, lane: _Lane, group: Sequence[Pending]) -> Row:
        """Send *group* to the server and return its answer.

        What surely was not carried out, because the link was not good any more, is sent over a new
        one.
        """
        at_us = None if self._clock is None else to_microseconds(self._clock())
        statement, values = call_for(group, at_us)
        for _ in range(_ATTEMPTS):
            if lane.link is None or not lane.link.usable:
                lane.link = None
                lane.link = await self._connector.connect_patiently()
            try:
                return (await lane.link.fetch(statement, *values))[0]
            except NOT_CARRIED_OUT:
                if lane.link.usable:
                    raise
        message = f"{self._place} closes every connection at once. Nothing was stored; try again."
        raise StoreUnavailable(message)

    async def _tombstone_met(
        self, lane: _Lane, group: Sequence[Pending], error: Exception
    ) -> Exception:
        """Return what the error is when a stream of *group*, a lone append, has a tombstone."""
        streams = [stream for stream, _, _ in group[0].parts]
        try:
            rows = await lane.link.fetch(sql.ENDED, streams) if lane.link else []
        except Exception:  # noqa: BLE001 - then the first error has to do
            return error
        return StreamDeleted(rows[0][0]) if rows else error

    def _fail(self, group: Sequence[Pending], error: BaseException) -> None:
        """Tell each of *group* what *error* means for it."""
        for pending in group:
            if isinstance(error, BackstoryError):
                pending.answer(error)
            elif isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
                pending.answer(translated_error(error, self._place), error)
            else:
                pending.answer(pending.unknown(), error)

    def _answer(self, group: Sequence[Pending], row: Row, seconds: float) -> None:
        head = 0
        for pending, outcome in outcomes_of(group, row):
            pending.answer(outcome)
            if not isinstance(outcome, BackstoryError):
                head = max(head, outcome[-1].position)
        if head:
            self._on_head(head)
        for hear in self._hearing:
            hear(Commit(len(group), seconds))


class _Lane:
    """One link and the task that writes over it."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.task: asyncio.Task[None] | None = None
        self.busy = False
