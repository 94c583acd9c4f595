"""How a stream stands: what there is of it, and from which revision on it may be read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.core.clock import Clock, system_clock, to_microseconds
from backstory.core.events import RecordedEvent
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.core.store import EventStore
from backstory.stores.retention.metadata import (
    DELETED,
    NO_LIMITS,
    StreamMetadata,
    is_metastream,
    metastream_of,
    parse,
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as it stands.

    `last` is the revision of its newest event (None: there is none), `first` the lowest that may be
    read. `metadata_revision` is that of the newest event of its metadata (None: it has none).
    `ended` means a tombstone, `deleted` a soft deletion since which nothing was appended.
    """

    stream: str
    last: int | None
    first: int
    ended: bool
    deleted: bool
    metadata: StreamMetadata
    metadata_revision: int | None

    @property
    def exists(self) -> bool:
        """Return whether there is something to read."""
        return not self.ended and self.last is not None and self.first <= self.last


async def standing_of(
    store: EventStore, stream: str, *, until: int | None = None, clock: Clock = system_clock
) -> Standing:
    """Return how *stream* stands; *until* a position, or now.

    Asks the store two to four times, and for a stream with `$maxAge` a few times more. What is
    appended meanwhile may be seen or not. `$maxAge` counts from *clock*, with *until* from the time
    of that position.
    """
    newest = await _last(store, stream, until)
    ended = newest is not None and newest.revision == TOMBSTONE_REVISION
    if ended:
        newest = await _last(store, stream, until, before=TOMBSTONE_REVISION)
    last = None if newest is None else newest.revision
    if is_metastream(stream):
        subject = await _last(store, stream.removeprefix("$$"), until)
        over = subject is not None and subject.revision == TOMBSTONE_REVISION
        return Standing(
            stream=stream, last=last, first=last or 0, ended=ended or over, deleted=False,
            metadata=NO_LIMITS, metadata_revision=None,
        )  # fmt: skip
    said = await _last(store, metastream_of(stream), until)
    metadata = NO_LIMITS if said is None else parse(said.data)
    first = await _first(store, newest, said, metadata, until, clock)
    return Standing(
        stream=stream,
        last=last,
        first=first,
        ended=ended,
        deleted=metadata.truncate_before == DELETED and (last is None or first > last),
        metadata=metadata,
        metadata_revision=None if said is None else said.revision,
    )


async def _last(
    store: EventStore, stream: str, until: int | None, *, before: int | None = None
) -> RecordedEvent | None:
    query = Read(stream=stream, until=until, before=before, direction=BACKWARDS, limit=1)
    page: Sequence[RecordedEvent] = await store.read(query)
    return page[0] if page else None


async def _first(
    store: EventStore,
    newest: RecordedEvent | None,
    said: RecordedEvent | None,
    metadata: StreamMetadata,
    until: int | None,
    clock: Clock,
) -> int:
    """Return the lowest revision that *metadata*, said by the event *said*, leave readable."""
    if newest is None or said is None:
        return 0
    first = metadata.truncate_before or 0
    if first == DELETED:
        # A deletion hides what was there. What follows it in the log was appended afterwards, even
        # when another process did so without knowing of the deletion.
        hidden = await _last(store, newest.stream, said.position, before=TOMBSTONE_REVISION)
        first = 0 if hidden is None else hidden.revision + 1
    if metadata.max_count is not None:
        first = max(first, newest.revision - metadata.max_count + 1)
    if metadata.max_age is not None:
        since_us = await _now_us(store, until, clock) - metadata.max_age * 1_000_000
        first = await _first_since(store, newest, first, since_us)
    return first


async def _now_us(store: EventStore, until: int | None, clock: Clock) -> int:
    if until is not None:
        page = await store.read(Read(until=until, direction=BACKWARDS, limit=1))
        if page:
            return page[0].recorded_us
    return to_microseconds(clock())


async def _first_since(store: EventStore, newest: RecordedEvent, lowest: int, since_us: int) -> int:
    """Return the lowest revision from *lowest* on that is not older; halves what is left."""
    if newest.recorded_us < since_us:
        return newest.revision + 1
    highest = newest.revision
    while lowest < highest:
        middle = (lowest + highest) // 2
        page = await store.read(Read(stream=newest.stream, after=middle - 1, limit=1))
        if page and page[0].recorded_us >= since_us:
            highest = middle
        else:
            lowest = middle + 1
    return lowest
