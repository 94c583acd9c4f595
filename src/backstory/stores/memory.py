"""The shortest correct store: a dictionary and a list. Every other store is measured by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from uuid import UUID

from backstory.core.appending import StreamAppend, check_append, check_append_several, settle
from backstory.core.clock import Clock, system_clock, to_microseconds
from backstory.core.errors import StoreClosed
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected, check_expected
from backstory.core.listing import NameEnds, Names, StreamEnds
from backstory.core.names import check_stream_name
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.core.retaining import (
    STREAM_DELETED,
    TOMBSTONE_REVISION,
    check_before,
    judge_ending,
)
from backstory.core.store import Sought


class _Stream:
    """The events of one stream, in order, and where each id stands first.

    An event that was erased leaves its place empty, so that a place is a revision. The tombstone
    has no place.
    """

    def __init__(self) -> None:
        self.events: list[RecordedEvent | None] = []
        self.revisions: dict[bytes, int] = {}
        self.tombstone: RecordedEvent | None = None

    @property
    def last(self) -> int | None:
        """Return the last revision, None when there is none."""
        if self.tombstone is not None:
            return TOMBSTONE_REVISION
        return len(self.events) - 1 if self.events else None

    def revision_of(self, event_id: bytes) -> int | None:
        return self.revisions.get(event_id)

    def ids_from(self, revision: int, count: int) -> list[bytes]:
        found = self.events[revision : revision + count]
        return [event.id_bytes for event in found if event is not None]

    def kept(self) -> list[RecordedEvent]:
        """Return the events that are there, the tombstone last."""
        return [event for event in (*self.events, self.tombstone) if event is not None]


_EMPTY = _Stream()


class MemoryStore:
    """An event store in memory, for tests and replays; it forgets everything when it is closed.

    Use it from one event loop. See `EventStore` for what it promises.
    """

    def __init__(self, *, clock: Clock = system_clock) -> None:
        """Start empty; *clock* gives `recorded_at`."""
        self._clock = clock
        self._log: list[RecordedEvent | None] = []
        self._newest_us = 0
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
        recorded_us = self._now_us()
        answers = [
            original or self._added(part, recorded_us)
            for part, original in zip(parts, originals, strict=True)
        ]
        self._wake()
        return answers

    def _now_us(self) -> int:
        return max(to_microseconds(self._clock()), self._newest_us)

    def _original(self, part: StreamAppend) -> Appended | None:
        """Return what the append answered when it was sent before, None when it is new."""
        held = self._streams.get(part.stream, _EMPTY)
        ids = [event.id.bytes for event in part.events]
        revision = settle(part.stream, part.expected, held.last, ids, held)
        if revision is None:
            return None
        original = held.events[revision]
        assert original is not None  # noqa: S101 - ids of erased events are not known any more
        return Appended(part.stream, revision, original.position)

    def _added(self, part: StreamAppend, recorded_us: int) -> Appended:
        held = self._streams.get(part.stream)
        if held is None:
            held = self._streams[part.stream] = _Stream()
        for event in part.events:
            self._add(held, part.stream, event, recorded_us)
        return Appended(part.stream, len(held.events) - 1, len(self._log))

    def _add(self, held: _Stream, stream: str, event: NewEvent, recorded_us: int) -> None:
        recorded = self._recorded(stream, len(held.events), event, recorded_us)
        self._log.append(recorded)
        held.events.append(recorded)
        held.revisions.setdefault(recorded.id_bytes, recorded.revision)

    def _recorded(
        self, stream: str, revision: int, event: NewEvent, recorded_us: int
    ) -> RecordedEvent:
        self._newest_us = recorded_us
        return RecordedEvent(
            position=len(self._log) + 1,
            stream=stream,
            revision=revision,
            type=event.type,
            data=event.data,
            metadata=event.metadata,
            id_bytes=event.id.bytes,
            recorded_us=recorded_us,
        )

    async def tombstone(self, stream: str, *, expected: Expected = ANY) -> Appended:
        """End *stream*; see `Retaining.tombstone`."""
        self._check_open()
        check_expected(expected)
        held = self._streams.get(check_stream_name(stream)) or _Stream()
        judge_ending(stream, expected, held.last)
        event = NewEvent.of(STREAM_DELETED, {})
        held.tombstone = self._recorded(stream, TOMBSTONE_REVISION, event, self._now_us())
        self._streams[stream] = held
        self._log.append(held.tombstone)
        self._wake()
        return Appended(stream, TOMBSTONE_REVISION, len(self._log))

    async def erase(self, stream: str, *, before: int) -> int:
        """Erase the events of *stream* before a revision; see `Retaining.erase`."""
        self._check_open()
        check_before(before)
        held = self._streams.get(stream, _EMPTY)
        stop = min(before, len(held.events) - (held.tombstone is None))
        erased = [event for event in held.events[: max(stop, 0)] if event is not None]
        for event in erased:
            self._log[event.position - 1] = None
            held.events[event.revision] = None
            held.revisions.pop(event.id_bytes, None)
        return len(erased)

    async def streams(self, names: Names) -> Sequence[StreamEnds]:
        """Return one page of the streams; see `Listing.streams`."""
        self._check_open()
        page = _page_of_names(self._streams, names)
        return [
            StreamEnds(
                name, kept[0].revision, kept[-1].revision, kept[-1].position, kept[-1].recorded_us
            )
            for name in page
            if (kept := self._streams[name].kept())
        ]

    async def categories(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the categories; see `Listing.categories`."""
        self._check_open()
        return _ends_of_names(names, [(e.category, e.position) for e in self._log if e])

    async def types(self, names: Names) -> Sequence[NameEnds]:
        """Return one page of the event types; see `Listing.types`."""
        self._check_open()
        return _ends_of_names(names, [(e.type, e.position) for e in self._log if e])

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Return one page; see `EventStore.read`."""
        self._check_open()
        page: list[RecordedEvent] = []
        size = 0
        for event in self._candidates(query):
            if event is None:
                continue
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
        return next((event for event in self._log if event and event.id_bytes == id.bytes), None)

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Return the events whose metadata hold one of the words; see `Searching.search`."""
        self._check_open()
        words = [word.encode(errors="surrogatepass") for word in sought.words]
        within = self._log[max(sought.after, 0) : max(sought.until, 0)]
        page: list[RecordedEvent] = []
        size = 0
        for event in reversed(within) if sought.newest_first else within:
            if event is not None and any(word in event.metadata for word in words):
                page.append(event)
                size += len(event.data) + len(event.metadata)
                if len(page) == sought.limit or size >= MAX_PAGE_BYTES:
                    break
        return page

    def _candidates(self, query: Read) -> Iterator[RecordedEvent | None]:
        source: list[RecordedEvent | None]
        if query.stream is None:
            source, first_key = self._log, 1
        else:
            source, first_key = self._streams.get(query.stream, _EMPTY).events, 0
        # Keys (positions, revisions) are dense, so a bound is an index.
        start = 0 if query.after is None else max(0, query.after - first_key + 1)
        stop = len(source) if query.before is None else max(0, query.before - first_key)
        if query.stream is None and query.until is not None:
            stop = min(stop, query.until)
        within = range(start, min(stop, len(source)))
        order = within if query.direction is FORWARDS else reversed(within)
        found = (source[index] for index in order)
        ending = self._ending(query)
        candidates = chain(found, ending) if query.direction is FORWARDS else chain(ending, found)
        if query.until is None:
            return candidates
        until = query.until
        return (event for event in candidates if event is not None and event.position <= until)

    def _ending(self, query: Read) -> list[RecordedEvent]:
        """Return the tombstone of the stream that is read, when it lies within the bounds."""
        held = self._streams.get(query.stream or "")
        if query.stream is None or held is None or held.tombstone is None:
            return []
        if query.after is not None and query.after >= TOMBSTONE_REVISION:
            return []
        if query.before is not None and query.before <= TOMBSTONE_REVISION:
            return []
        return [held.tombstone]

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


def _page_of_names(names: Iterable[str], wanted: Names) -> list[str]:
    found = sorted(
        (name for name in names if name.startswith(wanted.prefix)),
        key=lambda name: name.encode(errors="surrogatepass"),
    )
    if wanted.after is not None:
        after = wanted.after.encode(errors="surrogatepass")
        found = [name for name in found if name.encode(errors="surrogatepass") > after]
    return found[: wanted.limit]


def _ends_of_names(wanted: Names, events: Iterable[tuple[str, int]]) -> list[NameEnds]:
    ends: dict[str, tuple[int, int]] = {}
    for name, position in events:
        first, _ = ends.get(name, (position, position))
        ends[name] = (first, position)
    return [NameEnds(name, *ends[name]) for name in _page_of_names(ends, wanted)]
