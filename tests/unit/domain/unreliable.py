"""A memory store whose answers can be made to fail: faults that no real store makes on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import ANY, Expected
from backstory.stores.memory import MemoryStore

Fault = Exception | Callable[[], Awaitable[None]] | None


class UnreliableStore(MemoryStore):
    """Meets each append with the next of its faults, before or after the append took place.

    A fault is an error to raise, something to await before the append, or None for none.
    """

    def __init__(self) -> None:
        """Start without faults."""
        super().__init__()
        self.before: list[Fault] = []
        self.after: list[Fault] = []
        self.tries: list[tuple[NewEvent, ...]] = []

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append, unless a fault is due."""
        self.tries.append(tuple(events))
        await self._meet(self.before)
        appended = await super().append(stream, events, expected=expected)
        await self._meet(self.after)
        return appended

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, unless a fault is due."""
        self.tries.append(tuple(event for part in appends for event in part.events))
        await self._meet(self.before)
        answers = await super().append_several(appends)
        await self._meet(self.after)
        return answers

    @staticmethod
    async def _meet(faults: list[Fault]) -> None:
        fault = faults.pop(0) if faults else None
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            await fault()
