"""Knowing when the log has grown: at once within the process, by looking from outside it.

An append of this process wakes its waiters directly. Appends of other processes are found by asking
for the head now and then: often while the log is growing, seldom while it is idle. The question
reads one page that is already in memory, so it is asked from the event loop itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import apsw

from backstory.stores.sqlite import statements as sql
from backstory.stores.sqlite.errors import translated

_SHORTEST = 0.002
_LONGEST = 0.02
_GROWTH = 1.25
"""Seconds between two looks: from the shortest while the log grows up to the longest."""


class Watcher:
    """Tells waiting tasks of one event loop when the head moves."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        """Look over *connection*, which nothing else may use."""
        self._connection = connection
        self._path = path
        self._known = 0
        self._grown = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def head(self) -> int:
        """Return the newest position on the disk."""
        with translated(self._path):
            row = self._connection.execute(sql.HEAD).fetchone()
        self.note((row[0] if row else None) or 0)
        return self._known

    def note(self, head: int) -> None:
        """Take notice of a *head*, and wake those who wait when it is new."""
        if head > self._known:
            self._known = head
            self._wake()

    async def wait(self, position: int, seconds: float) -> int:
        """Return the head once it is beyond *position*, after *seconds*, or when closed."""
        if self.head() > position:
            return self._known
        self._waiting += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                while self._known <= position and not self._closed:
                    await self._grown.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._known

    async def close(self) -> None:
        """Wake every waiter and stop looking."""
        self._closed = True
        self._wake()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        self._connection.close()

    async def _look(self) -> None:
        pause = _SHORTEST
        try:
            while self._waiting and not self._closed:
                before = self._known
                await asyncio.sleep(pause)
                # A locked or vanished file is reported by the read that follows, not from here.
                with contextlib.suppress(apsw.Error, OSError):
                    row = self._connection.execute(sql.HEAD).fetchone()
                    self.note((row[0] if row else None) or 0)
                pause = _SHORTEST if self._known > before else min(pause * _GROWTH, _LONGEST)
        finally:
            self._looking = None

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
