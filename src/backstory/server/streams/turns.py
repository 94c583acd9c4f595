"""Turns: appends that are prepared side by side are handed to the store in the order they came."""

from __future__ import annotations

import asyncio


class Turn:
    """The place of one append in the line."""

    def __init__(self, before: asyncio.Future[None] | None) -> None:
        """Stand behind whoever passes on *before*, or first."""
        self._before = before
        self.passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def come(self) -> None:
        """Wait until it is this one's turn, and pass it on.

        The next one comes in a later step of the event loop, so what the caller does before it next
        waits is done first.
        """
        if self._before is not None and not self._before.done():
            await asyncio.shield(self._before)
        self.end()

    def end(self) -> None:
        """Leave the line, whether the turn came or not; those behind keep their order."""
        before, self._before = self._before, None
        if before is None or before.done():
            self._pass()
        else:
            before.add_done_callback(self._pass)

    def _pass(self, _before: object = None) -> None:
        if not self.passed.done():
            self.passed.set_result(None)


class Turns:
    """A line of appends."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._last: asyncio.Future[None] | None = None

    def take(self) -> Turn:
        """Return the place behind all who came before."""
        turn = Turn(self._last)
        self._last = turn.passed
        return turn
