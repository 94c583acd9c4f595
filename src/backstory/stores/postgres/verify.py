"""Checking a whole store, page by page: what it promises, and whether its indexes know it all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import msgspec

from backstory.core import encoding
from backstory.core.errors import InvalidEvent, StoreClosed, StoreError
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.store import Fault
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.pool import Pool
from backstory.stores.postgres.reader import Reader

_PAGE: Final = 2_000
_MOST_GAPS: Final = 100
"""Most gaps that are told one by one."""


class _Seen(msgspec.Struct):
    """What was found so far; enough to judge the next event without looking back."""

    position: int = 0
    recorded_us: int = 0
    missing: int = 0
    gaps: list[Fault] = msgspec.field(default_factory=list)


async def verify(reader: Reader, pool: Pool) -> AsyncIterator[Fault | int]:
    """Yield every fault, and the position checked so far after each page."""
    try:
        for fault in [*await _indexes(pool), *await _streams(pool)]:
            yield fault
        async for found in _log(reader, pool):
            yield found
    except StoreClosed:
        raise
    except StoreError as error:
        yield Fault("unreadable", "the tables", str(error))


async def _log(reader: Reader, pool: Pool) -> AsyncIterator[Fault | int]:
    seen = _Seen()
    erased = await _erased(pool)
    while page := await reader.read(Read(after=seen.position, limit=_PAGE)):
        for event in page:
            for fault in _faults(event, seen):
                yield fault
        yield seen.position
    # What is erased meanwhile may have been seen, or not.
    if not erased <= seen.missing <= await _erased(pool):
        for fault in _disagreeing(seen, erased):
            yield fault


async def _erased(pool: Pool) -> int:
    [row] = await pool.fetch(sql.ERASED_IN_ALL)
    return int(row["events"])


def _disagreeing(seen: _Seen, erased: int) -> list[Fault]:
    """Return the faults of a log that misses other events than were *erased*."""
    if not erased:
        return seen.gaps
    words = f"{seen.missing} positions are missing, but {erased} events were erased"
    return [*seen.gaps, Fault("gap", "the log", words)]


async def _indexes(pool: Pool) -> list[Fault]:
    (counts,) = await pool.fetch(sql.INDEX_COUNTS)
    stored = counts["stored"]
    return [
        Fault("integrity", f"index {name}", f"knows {count:,} of {stored:,} events")
        for name, count in counts.items()
        if count != stored
    ]


async def _streams(pool: Pool) -> list[Fault]:
    faults = [
        Fault("revision", f"stream {name!r}", f"{count} events, yet the last revision is {last}")
        for name, count, last in await pool.fetch(sql.STREAMS_WITH_GAPS)
    ]
    faults += [
        Fault("kind", f"position {position}", "its category, type or size is filed wrongly")
        for (position,) in await pool.fetch(sql.MISFILED_EVENTS)
    ]
    return faults


def _faults(event: RecordedEvent, seen: _Seen) -> Iterator[Fault]:
    place = f"position {event.position}"
    if event.position != seen.position + 1:
        missing = f"positions {seen.position + 1} to {event.position - 1} are missing"
        seen.missing += event.position - 1 - seen.position
        if len(seen.gaps) < _MOST_GAPS:
            seen.gaps.append(Fault("gap", place, missing))
    if event.recorded_us < seen.recorded_us:
        yield Fault("time", place, "recorded before the event that precedes it")
    for name, document, check in (
        ("data", event.data, encoding.decode),
        ("metadata", event.metadata, encoding.decode_object),
    ):
        try:
            check(document)
        except InvalidEvent as error:
            yield Fault("payload", place, f"{name}: {error}")
    seen.position = event.position
    seen.recorded_us = max(event.recorded_us, seen.recorded_us)
