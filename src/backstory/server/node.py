"""The node: what every service of a server shares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from backstory.core.clock import Clock, system_clock
from backstory.core.store import EventStore
from backstory.explore.tail import Tail
from backstory.server.settings import ServerSettings
from backstory.server.virtual.index import VirtualIndex


class Node:
    """A store that is being served, under its settings.

    `stopping` is set when the server shuts down: what waits for long must end then. `port` is the
    one really listened on, `tail` what the subscribers at the end of the log share, `virtual` where
    the streams of links have their links from.
    """

    store: EventStore
    settings: ServerSettings
    clock: Clock
    tail: Tail
    virtual: VirtualIndex
    stopping: asyncio.Event
    id: UUID
    port: int

    def __init__(
        self, store: EventStore, settings: ServerSettings, *, clock: Clock = system_clock
    ) -> None:
        """Serve *store*; it stays open when the server ends."""
        self.store = store
        self.settings = settings
        self.clock = clock
        self.tail = Tail(store)
        self.virtual = VirtualIndex()
        self.stopping = asyncio.Event()
        self.id = uuid4()
        self.port = settings.port
        self._closing: list[Callable[[], Awaitable[None]]] = []

    def on_close(self, end: Callable[[], Awaitable[None]]) -> None:
        """Have *end* called when the server shuts down, after the last call has ended."""
        self._closing.append(end)

    async def close(self) -> None:
        """End what goes on beside the calls."""
        for end in self._closing:
            await end()
        await self.tail.close()
