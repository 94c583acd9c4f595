"""A history: the log up to a position, which nobody can change any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from uuid import UUID

import msgspec

from backstory.core.appending import StreamAppend
from backstory.core.errors import StoreClosed, StoreReadOnly
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read
from backstory.core.store import EventStore, Searching, Sought


class History:
    """An `EventStore` that ends at a position of another, and to which nothing can be appended.

    Whatever reads a store reads a history: repositories, workers, listings, a whole service. What
    is appended to the store meanwhile is not in it.
    """

    def __init__(self, store: EventStore, until: int, *, origin: str = "") -> None:
        """Show *store* up to and with position *until*, which it must have reached; 0: nothing.

        *origin* says, to people, where the events are from; it holds no password.
        """
        self._store = store
        self._until = until
        self._origin = origin
        self._closed = asyncio.Event()
        # A power is recognised by its methods, so they are here only when they are there.
        if isinstance(store, Searching):
            self.find: Callable[[UUID], Coroutine[object, object, RecordedEvent | None]] = partial(
                self._find, store
            )
            self.search: Callable[[Sought], Coroutine[object, object, Sequence[RecordedEvent]]] = (
                partial(self._search, store)
            )

    @property
    def until(self) -> int:
        """Return the last position."""
        return self._until

    @property
    def origin(self) -> str:
        """Return where the events are from, in words for people; empty when nobody said."""
        return self._origin

    def up_to(self, until: int) -> History:
        """Return the part of it that ends at *until*, an earlier position."""
        return History(self._store, min(until, self._until), origin=self._origin)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of *query*; see `EventStore.read`."""
        self._check_open()
        if query.until is None or query.until > self._until:
            query = msgspec.structs.replace(query, until=self._until)
        return await self._store.read(query)

    async def head(self) -> int:
        """Return the last position."""
        self._check_open()
        return self._until

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - part of the promise
        """Return the last position; when it is not beyond *position*, after *timeout* seconds."""
        self._check_open()
        if position >= self._until:
            try:
                await asyncio.wait_for(self._closed.wait(), timeout)
            except TimeoutError:
                return self._until
            self._check_open()
        return self._until

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Raise `StoreReadOnly`: what has happened has happened."""
        del events, expected
        raise self._refusal(stream)

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Raise `StoreReadOnly`: what has happened has happened."""
        raise self._refusal(", ".join(part.stream for part in appends))

    async def _find(self, store: Searching, id: UUID) -> RecordedEvent | None:  # noqa: A002 - our word for it
        """Return the event with this id; see `Searching.find`."""
        self._check_open()
        event = await store.find(id)
        return None if event is None or event.position > self._until else event

    async def _search(self, store: Searching, sought: Sought) -> Sequence[RecordedEvent]:
        """Return the events whose metadata hold one of the words; see `Searching.search`."""
        self._check_open()
        until = min(sought.until, self._until)
        return await store.search(msgspec.structs.replace(sought, until=until))

    async def close(self) -> None:
        """End all waiting and refuse further use; the store behind it stays open."""
        self._closed.set()

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise StoreClosed

    def _refusal(self, streams: str) -> StoreReadOnly:
        message = (
            f"nothing can be appended to {streams}: this is the past, up to position "
            f"{self._until}. Append to the store itself."
        )
        return StoreReadOnly(message)
