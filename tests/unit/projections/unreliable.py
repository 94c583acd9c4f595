"""A store that fails on demand: the faults of a network cannot be made with a store in memory."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.errors import StoreUnavailable
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read
from backstory.core.store import EventStore


class UnreliableStore:
    """Passes everything on to a store, except while it is told to fail; counts the reads."""

    def __init__(self, store: EventStore) -> None:
        """Stand before *store*."""
        self._store = store
        self.failures_left = 0
        self.reads: list[Read] = []

    def _fail(self) -> None:
        if self.failures_left > 0:
            self.failures_left -= 1
            raise StoreUnavailable

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append, without a fault."""
        return await self._store.append(stream, events, expected=expected)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read, or fail."""
        self._fail()
        self.reads.append(query)
        return await self._store.read(query)

    async def head(self) -> int:
        """Return the head, or fail."""
        self._fail()
        return await self._store.head()

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - the protocol's
        """Wait, or fail."""
        self._fail()
        return await self._store.wait(position, timeout)

    async def close(self) -> None:
        """Close."""
        await self._store.close()
