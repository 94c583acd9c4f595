"""New events, sent to browsers as they are recorded.

One task follows the log for all who look on (`explore.tail`); each of them is sent what fits the
filter of its page, at most four times a second, and no more rows than anybody could read: beyond
that, how many there are.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from litestar.types import Receive, Scope, Send

from backstory.core.errors import BackstoryError
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.dashboard.rendering import render_row
from backstory.dashboard.shown import row_of
from backstory.explore.filters import EventFilter
from backstory.explore.tail import Tail

if TYPE_CHECKING:
    from backstory.core.store import EventStore
    from backstory.dashboard.addresses import Addresses

_PACE: Final = 0.25
"""Least seconds between two batches."""

_MOST_ROWS: Final = 100
_MOST_BEHIND: Final = 5_000
"""Positions that are read for somebody who comes back; beyond, the page is better loaded anew."""

_PULSE: Final = 15.0
_RETRY_MS: Final = 2_000
_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


class LiveView:
    """Somebody who looks at the newest events that fit a filter."""

    def __init__(
        self, store: EventStore, tail: Tail, wanted: EventFilter, position: int, to: Addresses
    ) -> None:
        """Send what is *wanted* behind *position*, with addresses made by *to*."""
        self._store = store
        self._tail = tail
        self._wanted = wanted
        self._position = position
        self._to = to

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the browser goes; see ASGI."""
        start = {"type": "http.response.start", "status": 200, "headers": list(_HEADERS)}
        await send(start)  # type: ignore[arg-type]  # what ASGI says it is
        await _write(send, f"retry: {_RETRY_MS}\n\n")
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait([sending, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.wait([sending, gone])

    async def _send(self, send: Send) -> None:
        try:
            async with self._tail.followed():
                while True:
                    await self._send_next(send)
                    await asyncio.sleep(_PACE)
        except BackstoryError:  # the browser connects anew
            return

    async def _send_next(self, send: Send) -> None:
        try:
            async with asyncio.timeout(_PULSE):
                head = await self._tail.wait(self._position)
        except TimeoutError:
            await _write(send, ": still here\n\n")
            return
        events = await self._since()
        if events is None:
            # Too far behind to be caught up with row by row.
            self._position = head
            await _write(send, f"event: behind\nid: {head}\ndata: {{}}\n\n")
            return
        shown = [event for event in events if self._wanted.matches(event)]
        self._position = events[-1].position if events else head
        if shown:
            await _write(send, self._batch(shown))

    async def _since(self) -> Sequence[RecordedEvent] | None:
        kept = self._tail.since(self._position)
        if kept is not None:
            return kept
        if self._tail.head - self._position > _MOST_BEHIND:
            return None
        return await self._store.read(
            Read(after=self._position, until=self._tail.head, limit=_MOST_BEHIND)
        )

    def _batch(self, shown: Sequence[RecordedEvent]) -> str:
        newest = shown[-_MOST_ROWS:]
        rows = [render_row(row_of(event, self._to), self._to) for event in newest]
        data = json.dumps({"rows": rows, "left_out": len(shown) - len(newest)})
        return f"id: {self._position}\ndata: {data}\n\n"


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
