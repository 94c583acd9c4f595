"""Making the store under test: again and again in one place, by a clock that a test sets."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from backstory.core.clock import Clock, system_clock
from backstory.core.store import EventStore

NOON: Final = datetime(2024, 2, 29, 12, tzinfo=UTC)


class Maker(Protocol):
    """Makes the store under test in a directory, or opens it again there when it is durable."""

    async def __call__(self, place: Path, clock: Clock) -> EventStore:
        """Return the store in *place*, telling time by *clock*."""
        ...


class Opener:
    """Opens the store under test as often as a test likes, and closes what is still open."""

    def __init__(self, make: Maker, place: Path, *, url: str, open_with: str) -> None:
        """Open stores in *place*; children open *url* with the function *open_with* names."""
        self._make = make
        self._stack = AsyncExitStack()
        self.place: Path = place
        self.url: str = url
        self.open_with: str = open_with

    async def open(self, clock: Clock = system_clock) -> EventStore:
        """Return the store; a durable one holds what it held, any other is empty."""
        store = await self._make(self.place, clock)
        self._stack.push_async_callback(store.close)
        return store

    async def close(self) -> None:
        """Close every store opened here."""
        await self._stack.aclose()


class HandClock:
    """A clock that a test sets by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        """Show *now* until told otherwise."""
        self.now: datetime = now

    def __call__(self) -> datetime:
        """Return the time shown."""
        return self.now
