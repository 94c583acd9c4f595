"""A stream of links, as clients read it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.server.virtual.index import VirtualIndex
from backstory.server.virtual.sources import Source
from backstory.stores.retention.metadata import NO_LIMITS
from backstory.stores.retention.standing import Standing


class Linking(Protocol):
    """What a stream of links needs of the node."""

    store: EventStore
    virtual: VirtualIndex


class VirtualStream:
    """A stream that is made as it is read; see `StreamView`."""

    stored: bool = False

    def __init__(self, node: Linking, source: Source) -> None:
        """Make the stream of *source* from the log of *node*."""
        self._store = node.store
        self._source = source
        self._order = node.virtual.order(source)

    async def standing(self) -> Standing:
        """Return how the stream stands now; one without a link does not exist."""
        positions = await self._order.extend(self._store)
        return Standing(
            stream=self._source.stream,
            last=len(positions) - 1 if positions else None,
            first=0,
            ended=False,
            deleted=False,
            metadata=NO_LIMITS,
            metadata_revision=None,
        )

    async def page(self, query: Read, standing: Standing) -> Sequence[RecordedEvent]:  # noqa: ARG002 - nothing of it is hidden
        """Return one page of *query*."""
        positions = self._order.positions
        end = len(positions)
        if query.until is not None:
            end = bisect_right(positions, query.until)
        if query.before is not None:
            end = min(end, max(query.before, 0))
        start = 0 if query.after is None else max(query.after + 1, 0)
        if query.direction is BACKWARDS:
            start = max(start, end - query.limit)
        else:
            end = min(end, start + query.limit)
        if start >= end:
            return []
        events = await self._events(positions[start:end])
        links = [
            self._source.link(event, revision)
            for revision, event in enumerate(events, start)
            if event is not None  # erased meanwhile
        ]
        return links[::-1] if query.direction is BACKWARDS else links

    async def live_page(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page of what was linked to since."""
        return await self.page(query, await self.standing())

    async def _events(self, positions: Sequence[int]) -> Sequence[RecordedEvent | None]:
        """Return the events at *positions*; None for one that is not there any more."""
        if self._source.takes_all:
            between = {"after": positions[0] - 1, "until": positions[-1]}
            query = replace(self._source.query, **between, limit=len(positions))
            found: dict[int, RecordedEvent] = {}
            while len(found) < len(positions) and (page := await self._store.read(query)):
                found.update((event.position, event) for event in page)
                query = query.resume(page[-1].position)
            return [found.get(position) for position in positions]
        events: list[RecordedEvent | None] = []
        for position in positions:
            page = await self._store.read(Read(after=position - 1, until=position, limit=1))
            events.append(page[0] if page else None)
        return events
