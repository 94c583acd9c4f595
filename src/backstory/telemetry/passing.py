"""A store that stands around another one and passes on what it does not look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence, Sized
from typing import TypeAlias, TypeVar
from uuid import UUID

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended, RecordedEvent
from backstory.core.listening import Committing, OnCommit
from backstory.core.listing import Listing, NameEnds, Names, StreamEnds
from backstory.core.retaining import Retaining
from backstory.core.store import (
    AppendingSeveral,
    EventStore,
    Fault,
    Searching,
    Sought,
    Verifying,
    append_several,
)

Item = TypeVar("Item")
_List: TypeAlias = Callable[[Names], Coroutine[object, object, Sequence[Item]]]
_AppendSeveral: TypeAlias = Callable[
    [Sequence[StreamAppend]], Coroutine[object, object, Sequence[Appended]]
]


class PassingStore:
    """Passes on what is not looked at, and has the powers that *store* has."""

    def __init__(self, store: EventStore) -> None:
        """Stand around *store*; closing this closes it."""
        self._store = store
        self.__wrapped__: EventStore = store
        # A power is recognised by its method, so it is here only when it is there.
        if isinstance(store, Verifying):
            self.verify: Callable[[], AsyncIterator[Fault | int]] = store.verify
        if isinstance(store, Committing):
            self.on_commit: Callable[[OnCommit], None] = store.on_commit
        if isinstance(store, Searching):
            self.find: Callable[[UUID], Coroutine[object, object, RecordedEvent | None]] = (
                store.find
            )
            self.search: Callable[[Sought], Coroutine[object, object, Sequence[RecordedEvent]]] = (
                store.search
            )
        if isinstance(store, Listing):
            self.streams: _List[StreamEnds] = store.streams
            self.categories: _List[NameEnds] = store.categories
            self.types: _List[NameEnds] = store.types
        if isinstance(store, Retaining):
            self.tombstone: Callable[..., Coroutine[object, object, Appended]] = store.tombstone
            self.erase: Callable[..., Coroutine[object, object, int]] = store.erase
        if isinstance(store, AppendingSeveral):
            self.append_several: _AppendSeveral = self._append_several

    async def _append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams; see `AppendingSeveral.append_several`."""
        return await append_several(self._store, appends)

    async def head(self) -> int:
        """Return the newest position; see `EventStore.head`."""
        return await self._store.head()

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - the protocol's
        """Wait for more; see `EventStore.wait`."""
        return await self._store.wait(position, timeout)

    async def close(self) -> None:
        """Close the store; see `EventStore.close`."""
        await self._store.close()


def countable(events: Sequence[Item]) -> tuple[Sequence[Item], int]:
    """Return *events* and how many they are, also when a caller gave something less than that.

    What is no collection at all stays as it is: the store refuses it.
    """
    if events.__class__ is not list and events.__class__ is not tuple:
        given: object = events
        if not isinstance(given, Iterable):
            return events, 0
        events = tuple(events)
    return events, len(events)


def events_in(appends: Sequence[StreamAppend]) -> int:
    """Return how many events *appends* hold."""
    given: list[object] = [part.events for part in appends]
    return sum(len(events) for events in given if isinstance(events, Sized))
