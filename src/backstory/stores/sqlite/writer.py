"""Who writes: concurrent appends share a transaction and an fsync.

All appends that tasks ask for in one turn of the event loop form a group. While the disk is quick
the event loop writes the group itself; when it is not, or another process holds the lock, or the
group is large, or the write-ahead log is to be tidied up, a thread does, and whatever comes
meanwhile waits there and forms the next group.

append ──> group of this turn ──┬─ on the loop: write, answer
                                └─ queue ──> thread: write all that waits, answer, tidy
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from time import perf_counter
from typing import Final

import apsw

from backstory.core.alarm import Alarm
from backstory.core.clock import Clock
from backstory.core.errors import StoreClosed
from backstory.core.events import Appended
from backstory.core.expected import ANY, Expected
from backstory.core.listening import Commit, OnCommit
from backstory.stores.sqlite.appender import Part
from backstory.stores.sqlite.group import Ending, Erasing, GroupCommit, Pending
from backstory.stores.sqlite.pace import Pace
from backstory.stores.sqlite.settings import SqliteSettings

_log: Final = logging.getLogger("backstory.stores")

_MOST_TOGETHER: Final = 2_000
"""Most appends in one transaction, so that none waits for an endless one."""

_MOST_BYTES_TOGETHER: Final = 64 * 1024 * 1024
_SLOW_COMMIT: Final = 0.002
_VERY_SLOW_COMMIT: Final = 1.0
"""Seconds for one commit that somebody should know of."""

_MOST_ON_THE_LOOP: Final = 256
_MOST_BYTES_ON_THE_LOOP: Final = 256 * 1024


class Writer:
    """Accepts appends from the tasks of one event loop."""

    def __init__(
        self,
        connection: apsw.Connection,
        settings: SqliteSettings,
        *,
        clock: Clock,
        on_commit: Callable[[int], None],
    ) -> None:
        """Write over *connection*; *on_commit* is told each new head, in the event loop."""
        self._commit = GroupCommit(connection, settings, clock=clock)
        self._on_commit = on_commit
        self._pace = Pace(slow=_SLOW_COMMIT)
        self._gathered: list[Pending] = []
        self._with_thread = 0
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._hearing: list[OnCommit] = []
        self._alarm = Alarm(_log, "the disk is slow")
        self._path = settings.path
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="backstory-writer", daemon=True)
        self._thread.start()

    def append(self, parts: Sequence[Part]) -> asyncio.Future[Sequence[Appended]]:
        """Write the events of *parts*, all or none; the result is there once they are on disk."""
        return self._gather(Pending(parts, asyncio.get_running_loop().create_future()))

    async def end(self, stream: str, expected: Expected) -> Appended:
        """End *stream* with a tombstone, and answer once that is on disk."""
        future = asyncio.get_running_loop().create_future()
        [appended] = await self._gather(Ending(((stream, (), expected),), future))
        return appended

    async def erase(self, stream: str, before: int) -> int:
        """Erase the events of *stream* before a revision, and answer how many there were."""
        future = asyncio.get_running_loop().create_future()
        erasing = Erasing(((stream, (), ANY),), future, before=before)
        await self._gather(erasing)
        return erasing.erased

    def _gather(self, pending: Pending) -> asyncio.Future[Sequence[Appended]]:
        if self._closed:
            raise StoreClosed
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._turn)
        self._gathered.append(pending)
        return pending.future

    def hear(self, hear: OnCommit) -> None:
        """Tell *hear* of every transaction from now on, in whichever thread writes it."""
        self._hearing.append(hear)

    async def close(self) -> None:
        """Write what was accepted, then end the thread."""
        self._closed = True
        self._hand_over(self._take_gathered())
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _take_gathered(self) -> list[Pending]:
        group, self._gathered = self._gathered, []
        return group

    def _turn(self) -> None:
        """Write what this turn of the event loop gathered, or have it written."""
        group = self._take_gathered()
        if not group:  # closed meanwhile
            return
        if self._may_write_here(group):
            began = perf_counter()
            head = self._commit.write_at_once(group)
            if head is not None:
                self._pace.took(self._commit.seconds_at_disk)
                self._tell(group, perf_counter() - began)
                self._answer(group, head)
                return
        self._hand_over(group)

    def _may_write_here(self, group: Sequence[Pending]) -> bool:
        return (
            not self._with_thread
            and not self._commit.log_is_full
            and self._pace.quick
            and len(group) <= _MOST_ON_THE_LOOP
            and sum([pending.size for pending in group]) <= _MOST_BYTES_ON_THE_LOOP
        )

    def _hand_over(self, group: Sequence[Pending]) -> None:
        self._with_thread += len(group)
        for pending in group:
            self._queue.put(pending)

    def _answer(self, group: Sequence[Pending], head: int) -> None:
        for pending in group:
            pending.answer()
        if head:
            self._on_commit(head)

    def _tell(self, group: Sequence[Pending], seconds: float) -> None:
        for hear in self._hearing:
            hear(Commit(len(group), seconds))
        if self._commit.seconds_at_disk > _VERY_SLOW_COMMIT:
            self._alarm.ring(store=self._path, seconds=self._commit.seconds_at_disk)

    def _run(self) -> None:
        ended = False
        while not ended:
            group, ended = self._take_queued()
            if not group:
                continue
            began = perf_counter()
            head = self._commit.write(group)
            self._tell(group, perf_counter() - began)
            # A closed loop has nobody waiting any more.
            with contextlib.suppress(RuntimeError):
                group[0].future.get_loop().call_soon_threadsafe(self._take_back, group, head)
            if self._commit.log_is_full:
                self._commit.tidy()

    def _take_back(self, group: Sequence[Pending], head: int) -> None:
        self._with_thread -= len(group)
        self._answer(group, head)

    def _take_queued(self) -> tuple[list[Pending], bool]:
        """Return all that is waiting to be written, at least one; and whether that was the last."""
        group: list[Pending] = []
        size = 0
        while (pending := self._queue.get()) is not None:
            group.append(pending)
            size += pending.size
            if len(group) >= _MOST_TOGETHER or size >= _MOST_BYTES_TOGETHER or self._queue.empty():
                return group, False
        return group, True
