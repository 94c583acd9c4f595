"""Every way of following a log, each as what it finds: position after position, in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Final

from msgspec.structs import replace

from backstory import BACKWARDS, EventStore, Read, Subscription
from backstory.core.names import category_of
from backstory.core.reading import events

STREAM: Final = "thing-1"
KIND: Final = "thing-happened"


class Follower:
    """Follows until it is told to end, and then up to the end of the log."""

    def __init__(self, store: EventStore) -> None:
        """Follow *store*."""
        self.store = store
        self.found: list[int] = []
        self.rounds = 0
        self.head = 0
        self.ending = False
        self.ended = False

    @property
    def last(self) -> int:
        """Return the newest position found."""
        return max(self.found, default=0)

    async def pause(self) -> bool:
        """Wait for more; return whether there is anything left to do."""
        self.rounds += 1
        if self.ending:
            # What was there before the last round was found in it.
            ending, self.ended = self.ended, True
            return not ending
        self.head = await self.store.wait(self.head, 0.02)
        return True


Way = Callable[[Follower, Read], Coroutine[object, object, None]]


async def _forwards(follower: Follower, query: Read) -> None:
    going = True
    while going:
        page = await follower.store.read(query)
        follower.found += [event.position for event in page]
        if page:
            last = page[-1]
            query = query.resume(last.position if query.stream is None else last.revision)
        else:
            going = await follower.pause()


async def _backwards(follower: Follower, query: Read) -> None:
    """Read from the newest event back to the newest one that is known, over and over."""
    query = replace(query, direction=BACKWARDS)
    going = True
    while going:
        newer = [
            event.position
            async for event in events(follower.store, query)
            if event.position > follower.last
        ]
        follower.found += reversed(newer)
        going = await follower.pause()


async def _to_the_head(follower: Follower, query: Read) -> None:
    """Read up to a head that was asked for before, as whoever rebuilds something does."""
    going = True
    while going:
        head = await follower.store.head()
        page = replace(query, after=follower.last, until=head)
        follower.found += [event.position async for event in events(follower.store, page)]
        going = await follower.pause()


async def _subscribed(follower: Follower, query: Read) -> None:
    subscription = Subscription(follower.store, query)

    async def close_at_the_end() -> None:
        going = True
        while going:
            going = await follower.pause() or subscription.position < await follower.store.head()
        await subscription.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(close_at_the_end())
        async for batch in subscription:
            follower.found += [event.position for event in batch.events]


_OF_STREAM: Final = Read(stream=STREAM, limit=3)
_OF_STREAM_TYPED: Final = Read(stream=STREAM, types=(KIND,), limit=3)
_QUERIES: Final = {
    "the log": Read(limit=3),
    "a category": Read(category=category_of(STREAM), limit=3),
    "a type": Read(types=(KIND,), limit=3),
    "a category's types": Read(category=category_of(STREAM), types=(KIND, "no-such"), limit=3),
    "a stream": _OF_STREAM,
    "a stream's types": _OF_STREAM_TYPED,
}
_WAYS: Final[Mapping[str, Way]] = {
    "forwards": _forwards,
    "backwards": _backwards,
    "subscribed": _subscribed,
    "up to the head": _to_the_head,
}
PATHS: Final[Mapping[str, tuple[Read, Way]]] = {
    f"{name}, {direction}": (query, way)
    for name, query in _QUERIES.items()
    for direction, way in _WAYS.items()
    if way is not _to_the_head or query.stream is None
}
"""Every way a reader may go, by name, with what it asks for."""
