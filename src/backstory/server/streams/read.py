"""Read: a stream or `$all`, page by page, forwards or backwards; or as a subscription."""

from __future__ import annotations

from typing import Final

from kurrentdbclient.protos.v1 import streams_pb2 as pb
from msgspec.structs import replace

from backstory.core.read import BACKWARDS, FORWARDS, Read
from backstory.server.calls import Call
from backstory.server.node import Node
from backstory.server.reading.log import log_page
from backstory.server.reading.views import view_of
from backstory.server.streams.messages import not_found, send_page
from backstory.server.streams.requests import ReadRequest, request_of
from backstory.server.streams.subscribe import subscribe_to_all, subscribe_to_stream
from backstory.stores.retention.standing import Standing

_PAGE: Final = 500
"""Events read from the store at once: what a slow client makes the server hold."""

_FIRST_LOOK: Final = 32
"""Revisions that EventStoreDB looks at in one go."""

_Call = Call[pb.ReadReq, pb.ReadResp]


async def read(node: Node, request: pb.ReadReq, call: _Call) -> None:
    """Answer a read of any form; a subscription ends when the client, or the server, ends it."""
    asked = request_of(request)
    if asked.count is None:
        subscribe = subscribe_to_all if asked.stream is None else subscribe_to_stream
        await subscribe(node, asked, call)
    elif asked.stream is None:
        await _read_all(node, asked, asked.count, call)
    else:
        await _read_stream(node, asked, asked.stream, asked.count, call)


async def _read_stream(
    node: Node, asked: ReadRequest, stream: str, count: int, call: _Call
) -> None:
    view = view_of(node, stream)
    standing = await view.standing()
    if not standing.exists:
        await call.send(not_found(stream))
        return
    if asked.compatibility >= 1 and _misses_first(asked, count, standing):
        await call.send(pb.ReadResp(first_stream_position=standing.first))
    left = count
    query = _beginning(asked, inclusive_backwards=True)
    while left > 0:
        page = await view.page(replace(query, limit=min(left, _PAGE)), standing)
        if not page:
            break
        await send_page(node, call, asked, page)
        left -= len(page)
        query = query.resume(page[-1].revision)
    if asked.compatibility >= 1 and standing.last is not None:
        await call.send(pb.ReadResp(last_stream_position=standing.last))
    await call.confirm()


def _misses_first(asked: ReadRequest, count: int, standing: Standing) -> bool:
    """Return whether all that EventStoreDB would look at first is cut off from the stream."""
    if asked.direction is BACKWARDS or (asked.key is None and not asked.from_start):
        return False
    return (asked.key or 0) + min(count, _FIRST_LOOK) <= standing.first


async def _read_all(node: Node, asked: ReadRequest, count: int, call: _Call) -> None:
    left = count
    query = _beginning(asked, inclusive_backwards=False)
    while left > 0:
        limit = _PAGE if asked.filter is not None else min(left, _PAGE)
        shown, last = await log_page(node.store, replace(query, limit=limit))
        if last is None:
            break
        if asked.filter is not None:
            shown = [event for event in shown if asked.filter.matches(event)]
        await send_page(node, call, asked, shown[:left])
        left -= len(shown)
        query = query.resume(last.position)
    await call.confirm()


def _beginning(asked: ReadRequest, *, inclusive_backwards: bool) -> Read:
    """Return the read from where it begins.

    Forwards the event it begins at is read, too; backwards that is so in a stream but not in
    `$all`.
    """
    after: int | None = None
    before: int | None = None
    if asked.key is None:
        # From the end backwards, or from the start, there is no bound. Else there is nothing.
        if (asked.direction is BACKWARDS) == asked.from_start:
            before = 0
    elif asked.direction is FORWARDS:
        after = asked.key - 1
    else:
        before = min(asked.key + inclusive_backwards, 2**63 - 1)
    whole = Read(stream=asked.stream) if asked.filter is None else asked.filter.query
    return replace(whole, after=after, before=before, direction=asked.direction)
