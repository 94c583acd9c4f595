"""Catch-up subscriptions: what is there, then what comes, without a gap or a duplicate at the seam.

store ──pages──> caught up ──tail──> live
          ^                            │
          └────── too far behind ──────┘

A subscription holds at most one page. When the client does not take what is sent, the subscription
waits; once it has fallen behind what the tail keeps, it reads from the store again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.events import RecordedEvent
from backstory.core.read import FORWARDS, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.server.calls import Call
from backstory.server.failures import stream_deleted
from backstory.server.node import Node
from backstory.server.reading.log import shown_in_all
from backstory.server.reading.views import StreamView, view_of
from backstory.server.streams.messages import caught_up, checkpoint, confirmation, send_page
from backstory.server.streams.requests import ReadRequest

_PAGE: Final = 200
"""Events held for one subscription at most."""

_Call = Call[pb.ReadReq, pb.ReadResp]


async def subscribe_to_all(node: Node, asked: ReadRequest, call: _Call) -> None:
    """Send what `$all` holds behind the position asked for, and then whatever comes."""
    position = 0
    if not asked.from_start:  # what comes once the client knows of its subscription is behind this
        position = await node.store.head() if asked.key is None else asked.key
    await call.send(confirmation(str(uuid4())))
    async with node.tail.followed():
        await _AllSubscription(node, asked, call, position).run()


class _AllSubscription:
    def __init__(self, node: Node, asked: ReadRequest, call: _Call, position: int) -> None:
        self._node = node
        self._asked = asked
        self._call = call
        self._position = position
        self._considered = 0
        self._told = position

    async def run(self) -> None:
        live = False
        while True:
            page = await self._next_page(live=live)
            if page:
                await self._send(page)
                continue
            if not live:
                live = True
                await self._tell_checkpoint()
                await self._call.send(caught_up(position=self._position or None))
            await self._node.tail.wait(self._position)

    async def _next_page(self, *, live: bool) -> Sequence[RecordedEvent]:
        """Return what follows: from the tail when it reaches back so far, else from the store."""
        kept = self._node.tail.since(self._position) if live else None
        if kept is not None:
            return kept[:_PAGE]
        return await self._node.store.read(
            Read(after=self._position, direction=FORWARDS, limit=_PAGE)
        )

    async def _send(self, page: Sequence[RecordedEvent]) -> None:
        """Send what is wanted of *page*, and tell now and then how far it was looked through."""
        wanted: list[RecordedEvent] = []
        for event in page:
            self._position = event.position
            self._considered += 1
            if self._matches(event):
                wanted.append(event)
            if self._asked.filter and self._considered >= self._asked.filter.interval:
                await send_page(self._node, self._call, self._asked, wanted)
                wanted.clear()
                await self._tell_checkpoint()
        await send_page(self._node, self._call, self._asked, wanted)

    def _matches(self, event: RecordedEvent) -> bool:
        wanted = self._asked.filter
        return shown_in_all(event) and (wanted is None or wanted.matches(event))

    async def _tell_checkpoint(self) -> None:
        """Tell the position, when the subscription is filtered and has moved."""
        self._considered = 0
        if self._asked.filter is not None and self._position > self._told:
            self._told = self._position
            await self._call.send(checkpoint(self._position))


async def subscribe_to_stream(node: Node, asked: ReadRequest, call: _Call) -> None:
    """Send what the stream holds behind the revision asked for, and then whatever comes."""
    stream = asked.stream or ""
    view = view_of(node, stream)
    standing = await view.standing()
    await call.send(confirmation(str(uuid4())))
    revision = -1
    if asked.key is not None:
        revision = asked.key
    elif not asked.from_start and standing.last is not None:
        revision = standing.last
    query = Read(stream=stream, after=revision, limit=_PAGE)
    async with node.tail.followed():
        while True:
            position = node.tail.head
            page = await view.page(query, standing)
            if not page:
                break
            await send_page(node, call, asked, page)
            query = query.resume(page[-1].revision)
        last = query.after if query.after is not None and query.after >= 0 else None
        await call.send(caught_up(revision=last))
        await _follow(node, asked, call, view, query, position)


async def _follow(
    node: Node, asked: ReadRequest, call: _Call, view: StreamView, query: Read, position: int
) -> None:
    """Send what is appended to a stream behind *query*; all up to *position* was looked at."""
    while True:
        seen = await node.tail.wait(position)
        fresh = node.tail.since(position) if view.stored else None
        if fresh is None:
            page = await view.live_page(query)
        else:
            page = [event for event in fresh if _behind(query, event)]
        if page:
            await send_page(node, call, asked, page)
            query = query.resume(page[-1].revision)
            if page[-1].revision == TOMBSTONE_REVISION:
                raise stream_deleted(page[-1].stream)
        if fresh is not None:
            position = fresh[-1].position if fresh else seen
        elif not page:
            position = seen


def _behind(query: Read, event: RecordedEvent) -> bool:
    """Return whether *event* is of the stream of *query* and not sent yet."""
    return event.stream == query.stream and (query.after is None or event.revision > query.after)
