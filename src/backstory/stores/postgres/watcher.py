"""Knowing when the log has grown: at once within the process, by a hint or by looking from outside.

An append of this process wakes its waiters directly. Other processes send a hint after they have
committed; behind it, in case a hint gets lost or cannot be sent, the watcher looks for itself:
often while the log is growing, seldom while it is idle. A hint says only that it is time to look.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from backstory.core.errors import StoreError
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.hints import Hints
from backstory.stores.postgres.pool import Pool
from backstory.stores.postgres.settings import PostgresSettings

_GROWTH: Final = 1.25
_WITH_HINTS: Final = 4
"""How many times longer the longest pause is while hints are heard."""


class Watcher:
    """Tells waiting tasks of one event loop when the head moves."""

    def __init__(self, pool: Pool, hints: Hints, settings: PostgresSettings) -> None:
        """Look over *pool*, and as soon as *hints* come."""
        self._pool = pool
        self._hints = hints
        self._settings = settings
        self._known = 0
        self._grown = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[int] | None = None
        self._closed = False

    async def head(self) -> int:
        """Return the newest position.

        Those who ask in one turn of the event loop share one question, which is sent after it.
        """
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(_look_at_error)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> int:
        self._asking = None  # whoever asks from now on may know of more than this will see
        rows = await self._pool.fetch(sql.HEAD)
        self.note(rows[0][0] or 0)
        return self._known

    def note(self, head: int) -> None:
        """Take notice of a *head*, and wake those who wait when it is new."""
        if head > self._known:
            self._known = head
            self._wake()

    async def wait(self, position: int, seconds: float) -> int:
        """Return the head once it is beyond *position*, after *seconds*, or when closed."""
        if self._known > position or await self.head() > position or seconds <= 0:
            return self._known
        self._waiting += 1
        self._hints.listen()
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

    async def _look(self) -> None:
        pause = shortest = self._settings.poll_shortest
        try:
            while self._waiting and not self._closed:
                before = self._known
                hinted = await self._hints.wait(pause)
                # A server that is away is reported by the read that follows, not from here.
                with contextlib.suppress(StoreError):
                    await self.head()
                if hinted or self._known > before:
                    pause = shortest
                else:
                    pause = min(pause * _GROWTH, self._longest())
        finally:
            self._looking = None

    def _longest(self) -> float:
        return self._settings.poll_longest * (_WITH_HINTS if self._hints.heard_at_once else 1)

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()


def _look_at_error(asking: asyncio.Task[int]) -> None:
    """Look at the error of a question nobody waits for any more, so that asyncio does not warn."""
    if not asking.cancelled():
        asking.exception()
