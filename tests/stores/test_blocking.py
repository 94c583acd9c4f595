"""The blocking facade keeps the contract of the store it speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy
from pathlib import Path
from typing import ClassVar

from backstory.blocking import BlockingStore, Portal
from backstory.core.appending import StreamAppend
from backstory.core.clock import Clock
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read
from backstory.core.store import EventStore, Power
from backstory.stores.open import open_store
from backstory.stores.powers import POWERS
from backstory.testing.contract import StoreContract

CALLERS = 150


class InThreads:
    """Calls the blocking methods from threads, so that a suite of coroutines can test them."""

    def __init__(self, blocking: BlockingStore) -> None:
        """Call *blocking*."""
        self._blocking = blocking

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append from a thread."""
        append = self._blocking.append
        # The thread starts later; a blocking caller could not change the list in between.
        return await asyncio.to_thread(append, stream, copy(events), expected=expected)

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams from a thread."""
        append_several = self._blocking.append_several
        return await asyncio.to_thread(append_several, deepcopy(appends))

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read from a thread."""
        return await asyncio.to_thread(self._blocking.read, query)

    async def head(self) -> int:
        """Ask for the head from a thread."""
        return await asyncio.to_thread(self._blocking.head)

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - as in the protocol
        """Wait in a thread."""
        return await asyncio.to_thread(self._blocking.wait, position, timeout)

    async def close(self) -> None:
        """Close from a thread."""
        await asyncio.to_thread(self._blocking.close)


def open_blocking(url: str, clock: Clock) -> BlockingStore:
    """Return the facade of a store that tells time by *clock*."""
    portal = Portal()
    return BlockingStore(portal.call(open_store, url, clock=clock), portal)


class TestBlocking(StoreContract):
    """The facade, over the store that can do most; checking a file is no business of a facade."""

    store_name = "blocking"
    examples: ClassVar[int | None] = 50

    @property
    def powers(self) -> frozenset[Power]:
        """Return the powers of the store behind the facade that need no method beyond the five."""
        return POWERS["sqlite"] - {
            Power.VERIFIABLE,
            Power.SEARCHABLE,
            Power.LISTED,
            Power.RETAINING,
        }

    def url(self, place: Path) -> str:
        """Return the URL of a file in *place*."""
        return f"sqlite:///{place / 'events.db'}"

    async def make(self, place: Path, clock: Clock) -> EventStore:
        """Return the facade, called from as many threads as the suite has callers at once."""
        threads = ThreadPoolExecutor(max_workers=CALLERS, thread_name_prefix="asyncio")
        asyncio.get_running_loop().set_default_executor(threads)
        return InThreads(await asyncio.to_thread(open_blocking, self.url(place), clock))
