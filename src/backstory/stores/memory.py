"""The shortest correct store: two dictionaries and a list. Every other store is measured by it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from uuid import UUID

from backstory.core.appending import StreamAppend, check_append, check_append_several, settle
from backstory.core.clock import Clock, system_clock, to_microseconds
from backstory.core.errors import StoreClosed
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.core.store import Sought


class _Stream:
    """The events of one stream, in order, and where each id stands first."""

    def __init__(self) -> None:
        self.events: list[RecordedEvent] = []
        self.revisions: dict[bytes, int] = {}

    def revision_of(self, event_id: bytes) -> int | None:
        return self.revisions.get(event_id)

    def ids_from(self, revision: int, count: int) -> list[bytes]:
        return [event.id_bytes for event in self.events[revision : revision + count]]


_EMPTY = _Stream()


class MemoryStore:
    """An event store in memory, for tests and replays; it forgets everything when it is closed.

    Use it from one event loop. See `EventStore` for what it promises.
    """

    def __init__(self, *, clock: Clock = system_clock) -> None:
        """Start empty; *clock* gives `recorded_at`."""
        self._clock = clock
        self._log: list[RecordedEvent] = []
        self._streams: dict[str, _Stream] = {}
        self._grown = asyncio.Event()
        self._closed = False

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Add *events* to *stream*; see `EventStore.append`."""
        self._check_open()
        batch = check_append(stream, events, expected)
        [appended] = self._write((StreamAppend(stream, batch, expected),))
        return appended

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, all or none; see `AppendingSeveral.append_several`."""
        self._check_open()
        return self._write(check_append_several(appends))

    def _write(self, parts: Sequence[StreamAppend]) -> list[Appended]:
        originals = [self._original(part) for part in parts]  # a conflict anywhere raises here
        recorded_us = to_microseconds(self._clock())
        if self._log:
            recorded_us = max(recorded_us, self._log[-1].recorded_us)
        answers = [
            original or self._added(part, recorded_us)
            for part, original in zip(parts, originals, strict=True)
        ]
        self._wake()
        return answers

    def _original(self, part: StreamAppend) -> Appended | None:
        """Return what the append answered when it was sent before, None when it is new."""
        held = self._streams.get(part.stream, _EMPTY)
        actual = len(held.events) - 1 if held.events else None
        ids = [event.id.bytes for event in part.events]
        revision = settle(part.stream, part.expected, actual, ids, held)
        if revision is None:
            return None
        return Appended(part.stream, revision, held.events[revision].position)

    def _added(self, part: StreamAppend, recorded_us: int) -> Appended:
        held = self._streams.get(part.stream)
        if held is None:
            held = self._streams[part.stream] = _Stream()
        for event in part.events:
            self._add(held, part.stream, event, recorded_us)
        return Appended(part.stream, len(held.events) - 1, len(self._log))

    def _add(self, held: _Stream, stream: str, event: NewEvent, recorded_us: int) -> None:
        recorded = RecordedEvent(
            position=len(self._log) + 1,
            stream=stream,
            revision=len(held.events),
            type=event.type,
            data=event.data,
            metadata=event.metadata,
            id_bytes=event.id.bytes,
            recorded_us=recorded_us,
        )
        self._log.append(recorded)
        held.events.append(recorded)
        held.revisions.setdefault(recorded.id_bytes, recorded.revision)

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page; see `EventStore.read`."""
        self._check_open()
        page: list[RecordedEvent] = []
        size = 0
        for event in self._candidates(query):
            if query.types and event.type not in query.types:
                continue
            if query.category is not None and event.category != query.category:
                continue
            page.append(event)
            size += len(event.data) + len(event.metadata)
            if len(page) == query.limit or size >= MAX_PAGE_BYTES:
                break
        return page

    async def find(self, id: UUID) -> RecordedEvent | None:  # noqa: A002 - the protocol's
        """Return the event with this id; see `Searching.find`."""
        self._check_open()
        return next((event for event in self._log if event.id_bytes == id.bytes), None)

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Return the events whose metadata hold one of the words; see `Searching.search`."""
        self._check_open()
        words = [word.encode(errors="surrogatepass") for word in sought.words]
        within = self._log[max(sought.after, 0) : max(sought.until, 0)]
        page: list[RecordedEvent] = []
        size = 0
        for event in reversed(within) if sought.newest_first else within:
            if any(word in event.metadata for word in words):
                page.append(event)
                size += len(event.data) + len(event.metadata)
                if len(page) == sought.limit or size >= MAX_PAGE_BYTES:
                    break
        return page

    def _candidates(self, query: Read) -> Iterator[RecordedEvent]:
        if query.stream is None:
            source, first_key = self._log, 1
        else:
            held = self._streams.get(query.stream)
            source, first_key = held.events if held else [], 0
        # Keys (positions, revisions) are dense, so a bound is an index.
        start = 0 if query.after is None else max(0, query.after - first_key + 1)
        stop = len(source) if query.before is None else max(0, query.before - first_key)
        if query.until is not None:
            stop = min(stop, bisect_right(source, query.until, key=lambda event: event.position))
        within = range(start, min(stop, len(source)))
        order = within if query.direction is FORWARDS else reversed(within)
        return (source[index] for index in order)

    async def head(self) -> int:
        """Return the newest position, 0 when empty."""
        self._check_open()
        return len(self._log)

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - part of the promise
        """Return the head once it is beyond *position*, or after *timeout* seconds."""
        self._check_open()
        try:
            async with asyncio.timeout(timeout):
                while len(self._log) <= position:
                    await self._grown.wait()
                    self._check_open()
        except TimeoutError:
            pass
        return len(self._log)

    async def close(self) -> None:
        """Forget everything and wake whoever waits."""
        self._closed = True
        self._log, self._streams = [], {}
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed
