"""The newest events, read once for all who wait at the end of the log.

A thousand subscribers that each ask the store for every new event would ask a thousand times. One
task reads what is new and keeps the newest of it in memory, bounded in number and in bytes; who
falls behind that reads from the store until it has caught up. While nobody follows, nothing is
read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from backstory.core.errors import StoreClosed, StoreUnavailable
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.store import EventStore

_log: Final = logging.getLogger("backstory.explore")

_MOST_EVENTS: Final = 2_000
_MOST_BYTES: Final = 8 * 1024 * 1024
_PAGE: Final = 500
_SECONDS_BETWEEN_LOOKS: Final = 5.0
_SECONDS_AFTER_AN_ERROR: Final = 1.0


class Tail:
    """The newest events of a store, in order and without a gap, while somebody follows."""

    def __init__(self, store: EventStore) -> None:
        """Follow *store*; nothing is kept before somebody follows."""
        self._store = store
        self._events: deque[RecordedEvent] = deque()
        self._bytes = 0
        self._behind = 0
        self._head = 0
        self._grown = asyncio.Event()
        self._followers = 0
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def head(self) -> int:
        """Return the position up to which events were seen; only a follower may ask."""
        return self._head

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the log inside the block. Raises what `EventStore.head` raises."""
        self._followers += 1
        try:
            async with self._starting:
                if self._task is None:
                    await self._start()
            yield
        finally:
            self._followers -= 1
            if self._followers == 0:
                await self.close()

    async def _start(self) -> None:
        self._head = self._behind = await self._store.head()
        self._events.clear()
        self._bytes = 0
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop following."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def wait(self, position: int) -> int:
        """Return the head as soon as it is beyond *position*."""
        while self._head <= position:
            await self._grown.wait()
        return self._head

    def since(self, position: int) -> Sequence[RecordedEvent] | None:
        """Return the events behind *position* that are kept, None when they begin only later."""
        if position < self._behind:
            return None
        found: list[RecordedEvent] = []
        for event in reversed(self._events):
            if event.position <= position:
                break
            found.append(event)
        found.reverse()
        return found

    async def _follow(self) -> None:
        while True:
            try:
                await self._store.wait(self._head, _SECONDS_BETWEEN_LOOKS)
                page = await self._store.read(Read(after=self._head, limit=_PAGE))
            except StoreClosed:
                return
            except StoreUnavailable as error:
                _log.warning("the store cannot be read: %s", error)
                await asyncio.sleep(_SECONDS_AFTER_AN_ERROR)
                continue
            if page:
                self._keep(page)

    def _keep(self, page: Sequence[RecordedEvent]) -> None:
        for event in page:
            self._events.append(event)
            self._bytes += _size(event)
        while self._events and (len(self._events) > _MOST_EVENTS or self._bytes > _MOST_BYTES):
            dropped = self._events.popleft()
            self._bytes -= _size(dropped)
            self._behind = dropped.position
        self._head = page[-1].position
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


def _size(event: RecordedEvent) -> int:
    return len(event.data) + len(event.metadata)
