"""A store whose subscribers gather what many writers append at once.

Each batch of a projection costs a transaction, however few events it holds. When a handful comes
at a time more are on their way, and waiting some milliseconds for them makes one batch of many;
an event that comes alone is not kept waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from backstory import ANY, Appended, EventStore, Expected, NewEvent, Read, RecordedEvent

HANDFUL: Final = 3
PAUSE: Final = 0.01


class GatheringStore:
    """The same store, but `wait` pauses when the time before it found a handful; see `EventStore`.

    For one subscription. Closing it closes nothing.
    """

    def __init__(self, store: EventStore) -> None:
        """Pass everything on to *store*."""
        self._store = store
        self._busy = False

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append; see `EventStore.append`."""
        return await self._store.append(stream, events, expected=expected)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read; see `EventStore.read`."""
        return await self._store.read(query)

    async def head(self) -> int:
        """Return the newest position; see `EventStore.head`."""
        return await self._store.head()

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - the protocol's
        """Return the head once it is beyond *position*, after a pause when there is much to do."""
        if self._busy:
            await asyncio.sleep(PAUSE)
        head = await self._store.wait(position, timeout)
        self._busy = head - position >= HANDFUL
        return head

    async def close(self) -> None:
        """Leave the store open; it belongs to others."""
