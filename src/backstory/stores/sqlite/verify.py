"""Checking a whole file, page by page: what the store promises, and what SQLite knows of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final, cast

import apsw
import msgspec

from backstory.core import encoding
from backstory.core.errors import InvalidEvent, StoreClosed, StoreError
from backstory.core.store import Fault
from backstory.stores.sqlite import statements as sql
from backstory.stores.sqlite.reader import Readers

_PAGE: Final = 2_000
_ID_BYTES: Final = 16
_MOST_GAPS: Final = 100
"""Most gaps that are told one by one."""

_NOTHING_ERASED: Final = "CREATE TEMP TABLE IF NOT EXISTS erased (stream TEXT, events INTEGER)"
"""What stands in for the table that files of the first schema lack, when they are only read."""


_Row = tuple[int, int, object, object, object]
"""Position, recorded_us, id, data, metadata; the first two are what STRICT tables make them."""


class _Seen(msgspec.Struct):
    """What was found so far; enough to judge the next event without looking back."""

    position: int = 0
    recorded_us: int = 0
    missing: int = 0
    gaps: list[Fault] = msgspec.field(default_factory=list)


async def verify(readers: Readers) -> AsyncIterator[Fault | int]:
    """Yield every fault, and the position checked so far after each page."""
    try:
        for fault in await readers.ask(_integrity):
            yield fault
        async for found in _log(readers):
            yield found
        for fault in await readers.ask(_streams):
            yield fault
    except StoreClosed:
        raise
    except StoreError as error:
        yield Fault("unreadable", "the file", str(error.__cause__ or error))


async def _log(readers: Readers) -> AsyncIterator[Fault | int]:
    seen = _Seen()
    erased = await readers.ask(_erased)
    while True:
        faults, count = await readers.ask(lambda connection: _page(connection, seen))
        for fault in faults:
            yield fault
        if not count:
            break
        yield seen.position
    # What is erased meanwhile may have been seen, or not.
    if not erased <= seen.missing <= await readers.ask(_erased):
        for fault in _disagreeing(seen, erased):
            yield fault


def _integrity(connection: apsw.Connection) -> list[Fault]:
    lines = [str(line) for (line,) in connection.execute("PRAGMA integrity_check(100)")]
    found = [Fault("integrity", "the file", line) for line in lines if line != "ok"]
    keys = connection.execute("PRAGMA foreign_key_check").fetchall()
    found += [Fault("reference", f"{row[0]} row {row[1]}", f"no such {row[2]}") for row in keys]
    return found


def _erased(connection: apsw.Connection) -> int:
    """Return how many events were erased; a file of the first schema knows of none."""
    if connection.execute(sql.HAS_ERASED).fetchall() == [(0,)]:
        return 0
    [(erased,)] = connection.execute(sql.ERASED_IN_ALL).fetchall()
    return int(str(erased))


def _disagreeing(seen: _Seen, erased: int) -> list[Fault]:
    """Return the faults of a log that misses other events than were *erased*."""
    if not erased:
        return seen.gaps
    words = f"{seen.missing} positions are missing, but {erased} events were erased"
    return [*seen.gaps, Fault("gap", "the log", words)]


def _page(connection: apsw.Connection, seen: _Seen) -> tuple[list[Fault], int]:
    rows = cast("list[_Row]", connection.execute(sql.UNCHECKED, (seen.position, _PAGE)).fetchall())
    faults: list[Fault] = []
    for position, recorded_us, event_id, data, metadata in rows:
        place = f"position {position}"
        if position != seen.position + 1:
            missing = f"positions {seen.position + 1} to {position - 1} are missing"
            seen.missing += position - 1 - seen.position
            if len(seen.gaps) < _MOST_GAPS:
                seen.gaps.append(Fault("gap", place, missing))
        if recorded_us < seen.recorded_us:
            faults.append(Fault("time", place, "recorded before the event that precedes it"))
        if not isinstance(event_id, bytes) or len(event_id) != _ID_BYTES:
            faults.append(Fault("id", place, "the id is no UUID"))
        faults.extend(_payload_faults(place, data, metadata))
        seen.position, seen.recorded_us = position, max(recorded_us, seen.recorded_us)
    return faults, len(rows)


def _payload_faults(place: str, data: object, metadata: object) -> Iterator[Fault]:
    for name, payload in (("data", data), ("metadata", metadata)):
        try:
            raw = payload if isinstance(payload, bytes) else bytes(str(payload), "utf-8")
            if name == "data":
                encoding.decode(raw)
            else:
                encoding.decode_object(raw)
        except InvalidEvent as error:
            yield Fault("payload", place, f"{name}: {error}")


def _streams(connection: apsw.Connection) -> list[Fault]:
    if connection.execute(sql.HAS_ERASED).fetchall() == [(0,)]:
        connection.execute(_NOTHING_ERASED)
    faults = [
        Fault("revision", f"stream {name!r}", f"{count} events, yet the last revision is {last}")
        for name, count, last in connection.execute(sql.STREAMS_WITH_GAPS)
    ]
    faults += [
        Fault("kind", f"position {position}", "the category or type index disagrees with the event")
        for (position,) in connection.execute(sql.MISFILED_EVENTS)
    ]
    return faults
