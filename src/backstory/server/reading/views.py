"""Pages of a stream as clients may read it, whether it is stored or virtual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.server.failures import stream_deleted
from backstory.server.node import Node
from backstory.server.virtual.sources import source_of
from backstory.server.virtual.stream import VirtualStream
from backstory.server.wire.recorded import LINK, STREAM_NAMED
from backstory.stores.retention.reading import within
from backstory.stores.retention.standing import Standing, standing_of


class StreamView(Protocol):
    """One stream, for one read: how it stands, and its pages.

    `stored` tells whether its events are those of the log with its name.
    """

    stored: bool

    async def standing(self) -> Standing:
        """Return how the stream stands now; raises `Failure` when it has ended."""
        ...

    async def page(self, query: Read, standing: Standing) -> Sequence[RecordedEvent]:
        """Return one page of *query*, as far as *standing* leaves it readable."""
        ...

    async def live_page(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of what was appended since; of a stream that ended, its tombstone."""
        ...


class StoredStream:
    """A stream that is in the store."""

    stored: bool = True

    def __init__(self, node: Node, stream: str) -> None:
        """Look at *stream* of the *node*'s store."""
        self._node = node
        self.stream = stream

    async def standing(self) -> Standing:
        """Return how the stream stands now; raises `Failure` when it has ended."""
        found = await standing_of(self._node.store, self.stream, clock=self._node.clock)
        if found.ended:
            raise stream_deleted(self.stream)
        return found

    async def page(self, query: Read, standing: Standing) -> Sequence[RecordedEvent]:
        """Return one page of *query*, as far as *standing* leaves it readable."""
        return await self._node.store.read(within(query, standing))

    async def live_page(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of what was appended since; of a stream that ended, its tombstone."""
        return await self._node.store.read(query)


class LinkedStream:
    """A stream of links, made as it is read; unless somebody has appended to one of its name."""

    stored: bool = False

    def __init__(self, node: Node, stored: StoredStream, virtual: VirtualStream) -> None:
        """Show *virtual*, or *stored* where that holds more than links."""
        self._node = node
        self._stored = stored
        self._virtual = virtual
        self._chosen: StreamView | None = None

    async def standing(self) -> Standing:
        """Return how the stream stands now; raises `Failure` when it has ended."""
        return await (await self._view()).standing()

    async def page(self, query: Read, standing: Standing) -> Sequence[RecordedEvent]:
        """Return one page of *query*, as far as *standing* leaves it readable."""
        return await (await self._view()).page(query, standing)

    async def live_page(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of what came since."""
        return await (await self._view()).live_page(query)

    async def _view(self) -> StreamView:
        if self._chosen is None:
            query = Read(stream=self._stored.stream, direction=BACKWARDS, limit=1)
            newest = await self._node.store.read(query)
            written = bool(newest) and newest[0].type not in {LINK, STREAM_NAMED}
            self._chosen = self._stored if written else self._virtual
        return self._chosen


def view_of(node: Node, stream: str) -> StreamView:
    """Return the view of *stream*: links are made as they are read, unless they are written."""
    source = None if node.settings.materialise else source_of(stream)
    stored = StoredStream(node, stream)
    return stored if source is None else LinkedStream(node, stored, VirtualStream(node, source))
