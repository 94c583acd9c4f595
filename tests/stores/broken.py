"""Stores that break one promise each, so that the contract can show that it notices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.core.clock import to_microseconds
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.stores.memory import MemoryStore

if TYPE_CHECKING:
    from backstory.stores.memory import _Stream


class LateArrival(MemoryStore):
    """Every fifth event becomes visible only after a later one, as in stores without a counter."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Leave out what is "not committed yet"."""
        head = len(self._log)
        return [e for e in await super().read(query) if e.position % 5 or e.position < head - 1]


class BurntPosition(MemoryStore):
    """A conflict uses a position up, as a sequence does that does not roll back."""

    burnt = 0

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Count conflicts; add them to the positions that follow."""
        try:
            answered = await super().append(stream, events, expected=expected)
        except WrongExpectedRevision:
            self.burnt += 1
            raise
        return msgspec.structs.replace(answered, position=answered.position + self.burnt)


class InclusiveBefore(MemoryStore):
    """`before` lets its own bound through: off by one."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read one further than asked."""
        if query.before is not None and query.before < 2**62:
            query = msgspec.structs.replace(query, before=query.before + 1)
        return await super().read(query)


class ForgetsIds(MemoryStore):
    """A repeated append is written again."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Forget which ids the stream holds."""
        if stream in self._streams:
            self._streams[stream].revisions.clear()
        return await super().append(stream, events, expected=expected)


class AnswersTheEnd(MemoryStore):
    """A repeated append is recognised, but answered with where the stream ends now."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Answer the end of the stream."""
        await super().append(stream, events, expected=expected)
        last = self._streams[stream].events[-1]
        assert last is not None
        return Appended(stream, last.revision, last.position)


class TakesAPartForTheWhole(MemoryStore):
    """An append is taken for a repetition when its first event is known."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Look at the first id alone."""
        held = self._streams.get(stream)
        known = held.revisions.get(events[0].id.bytes) if held and events else None
        if held is None or known is None:
            return await super().append(stream, events, expected=expected)
        first = held.events[known]
        assert first is not None
        return Appended(stream, known, first.position)


class FollowsTheClock(MemoryStore):
    """Time runs backwards with the clock."""

    def _add(self, held: _Stream, stream: str, event: NewEvent, recorded_us: int) -> None:
        recorded_us = to_microseconds(self._clock())
        super()._add(held, stream, event, recorded_us)


class HalfAConflict(MemoryStore):
    """A refused append leaves its first event behind."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Write before checking."""
        try:
            return await super().append(stream, events, expected=expected)
        except WrongExpectedRevision:
            await super().append(stream, events[:1])
            raise


class ChecksThenWrites(MemoryStore):
    """Between the check of the expectation and the write, others can write."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Check, let others go first, write."""
        last = len(await self.read(Read(stream=stream))) - 1
        await asyncio.sleep(0)
        if isinstance(expected, int) and expected != last:
            raise WrongExpectedRevision(stream=stream, expected=expected, actual=last)
        return await super().append(stream, events)


class ShowsHalfAnAppend(MemoryStore):
    """An append of several events becomes visible piece by piece."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append one event after another."""
        answered = await super().append(stream, events[:1], expected=expected)
        for event in events[1:]:
            await asyncio.sleep(0)
            answered = await super().append(stream, [event])
        return answered


class UntilIsARevision(MemoryStore):
    """`until` on a stream is taken for a revision."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Bound the stream by revision."""
        page = await super().read(msgspec.structs.replace(query, until=None))
        if query.until is None:
            return page
        until = query.until
        return [e for e in page if (e.position if query.stream is None else e.revision) <= until]


class CategoryByPrefix(MemoryStore):
    """A category also gives streams whose category only starts alike."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Match by prefix."""
        if query.category is None:
            return await super().read(query)
        page = await super().read(msgspec.structs.replace(query, category=None))
        return [event for event in page if event.category.startswith(query.category)]


class GivesUpSearching(MemoryStore):
    """A filtered read looks at a hundred events and answers an empty page although more follow."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Filter one page after reading it."""
        page = await super().read(msgspec.structs.replace(query, types=(), limit=100))
        return [event for event in page if event.type in query.types or not query.types]


class IgnoresTheByteBound(MemoryStore):
    """A page of large events grows without end."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Answer all pages as one."""
        found: list[RecordedEvent] = []
        while len(found) < query.limit and (page := await super().read(query)):
            found += page
            last = page[-1]
            query = query.resume(last.position if query.stream is None else last.revision)
        return found


class SkipsAfterResume(MemoryStore):
    """A page that is not the first loses its first event when read backwards."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Lose an event."""
        page = await super().read(query)
        return page[1:] if query.direction is BACKWARDS and query.before is not None else page


class TidiesJson(MemoryStore):
    """Payloads are parsed and written again."""

    def _add(self, held: _Stream, stream: str, event: NewEvent, recorded_us: int) -> None:
        tidy = msgspec.json.encode(msgspec.json.decode(event.data))
        super()._add(held, stream, msgspec.structs.replace(event, data=tidy), recorded_us)


class OneIdEverywhere(MemoryStore):
    """An id that stands in any stream counts as known in every stream."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Look for the last id in the whole log."""
        for event in self._log:
            if event and events and event.id_bytes == events[-1].id.bytes:
                return Appended(stream, event.revision, event.position)
        return await super().append(stream, events, expected=expected)


class MixesCase(MemoryStore):
    """Stream names that differ in case only are one stream."""

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Fold the name."""
        return await super().append(stream.lower(), events, expected=expected)


class SleepsThrough(MemoryStore):
    """A wait is not woken by appends."""

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ASYNC109 - as in the protocol
        """Sleep for as long as allowed."""
        if len(self._log) <= position:
            await asyncio.sleep(min(timeout, 3))
        return await self.head()


class NeverWaits(MemoryStore):
    """A wait is a busy loop."""

    async def wait(self, position: int, timeout: float) -> int:  # noqa: ARG002, ASYNC109 - as in the protocol
        """Return at once."""
        await asyncio.sleep(0)
        return await self.head()


class StaysOpen(MemoryStore):
    """A closed store goes on working."""

    async def close(self) -> None:
        """Do nothing."""


class LosesTheNewest(MemoryStore):
    """Going back from the head misses the newest event."""

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Start below the head."""
        if query.direction is BACKWARDS and query.before is None and query.stream is None:
            query = msgspec.structs.replace(query, before=len(self._log))
        return await super().read(query)
