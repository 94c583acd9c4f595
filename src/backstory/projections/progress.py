"""Waiting until a position is reached."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count

from backstory.core.errors import CaughtUpTimeout


class Progress:
    """A position that grows, and those who wait for it. For one event loop."""

    def __init__(self) -> None:
        """Begin at position 0 with nobody waiting."""
        self.position: int = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def reach(self, position: int) -> None:
        """Say that *position* is reached; wakes those who wait for it or for less."""
        self.position = position
        while self._waiting and self._waiting[0][0] <= position:
            _, _, waiter = heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, position: int, timeout: float) -> None:  # noqa: ASYNC109 - what callers mean
        """Return once *position* is reached; raises `CaughtUpTimeout` after *timeout* seconds."""
        if position <= self.position:
            return
        waiter = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (position, next(self._order), waiter))
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            reached = self.position
            raise CaughtUpTimeout(wanted=position, reached=reached, seconds=timeout) from None
        finally:
            self._forget_the_done()

    def _forget_the_done(self) -> None:
        # Timed-out waiters go as soon as they come to the front; a flood of them is swept out.
        while self._waiting and self._waiting[0][2].done():
            heappop(self._waiting)
