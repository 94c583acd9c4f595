"""From a `Read` to SQL that walks along an index and stops at the limit; never an OFFSET.

Several types or kinds are as many walks, merged by position as they go (SQLite merges the arms of
an ordered UNION ALL without collecting them first).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nlargest, nsmallest
from typing import Final

import apsw

from backstory.core import encoding
from backstory.core.events import RecordedEvent
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.stores.sqlite import statements as sql

_MAX_INTEGER: Final = 2**63 - 1
_MOST_ARMS: Final = 64
"""Most walks merged in one statement; more of them are merged here."""

_Rows = Iterator[tuple[int, str, int, str, bytes, bytes, bytes, int]]


def read_page(connection: apsw.Connection, query: Read) -> list[RecordedEvent]:
    """Return the page of *query*, cut at its limit or at about `MAX_PAGE_BYTES`."""
    page: list[RecordedEvent] = []
    size = 0
    if not all(map(_storable, (query.stream or "", query.category or ""))):
        return page
    for row in _rows(connection, query):
        event = RecordedEvent(*row)
        page.append(event)
        size += len(event.data)
        if size >= MAX_PAGE_BYTES:
            break
    return page


def _storable(name: str) -> bool:
    """Return whether a thing of this name can exist: one with a lone surrogate cannot."""
    return name.isascii() or name.encode(errors="ignore").decode() == name


def _listed(names: Sequence[str]) -> str:
    return encoding.encode([name for name in names if _storable(name)]).decode()


def _rows(connection: apsw.Connection, query: Read) -> _Rows:
    if query.stream is not None:
        return _stream_rows(connection, query)
    if query.category is None and not query.types:
        low, high = _positions(query)
        return connection.execute(_LOG[query.direction is FORWARDS], (low, high, query.limit))
    column, numbers = _walks(connection, query)
    return _merged_rows(connection, query, column, numbers)


def _order(key: str, *, forwards: bool) -> str:
    return f"ORDER BY {key} {'ASC' if forwards else 'DESC'}"


_LOG: Final = {
    forwards: f"{sql.ROW} WHERE e.position > ? AND e.position < ?"
    f" {_order('e.position', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}
_LISTED: Final = f"{sql.ROW} WHERE e.position IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own words
_WITHIN_STREAM: Final = (
    f"{sql.ROW} WHERE e.stream = ? AND e.revision > ? AND e.revision < ? AND e.position <= ?"
)
_STREAM: Final = {
    forwards: f"{_WITHIN_STREAM} {_order('e.revision', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}
_STREAM_TYPES: Final = {
    forwards: f"{_WITHIN_STREAM} AND t.name IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own words
    f" {_order('e.revision', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}


def _bounds(after: int | None, before: int | None) -> tuple[int, int]:
    low = -1 if after is None else after
    high = _MAX_INTEGER if before is None else before
    return _clamped(low), _clamped(high)


def _clamped(bound: int) -> int:
    return max(-1, min(bound, _MAX_INTEGER))


def _positions(query: Read) -> tuple[int, int]:
    low, high = _bounds(query.after, query.before)
    return low, high if query.until is None else min(high, _clamped(query.until) + 1)


def _stream_rows(connection: apsw.Connection, query: Read) -> _Rows:
    until = _MAX_INTEGER if query.until is None else _clamped(query.until)
    forwards = query.direction is FORWARDS
    common = (query.stream, *_bounds(query.after, query.before), until)
    if query.types:
        names = _listed(query.types)
        return connection.execute(_STREAM_TYPES[forwards], (*common, names, query.limit))
    return connection.execute(_STREAM[forwards], (*common, query.limit))


def _walks(connection: apsw.Connection, query: Read) -> tuple[str, list[int]]:
    """Return the indexed column and the numbers to walk along."""
    names = _listed(query.types)
    if query.category is None:
        found = connection.execute(sql.TYPES_NAMED, (names,))
        return "type", [number for (number,) in found]
    if query.types:
        found = connection.execute(sql.KINDS_IN_OF_TYPES, (query.category, names))
    else:
        found = connection.execute(sql.KINDS_IN, (query.category,))
    return "kind", [number for (number,) in found]


def _merged_rows(
    connection: apsw.Connection, query: Read, column: str, numbers: Sequence[int]
) -> _Rows:
    if not numbers:
        return iter(())
    if len(numbers) <= _MOST_ARMS:
        return _page_of(connection, query, column, numbers)
    chunks = [numbers[at : at + _MOST_ARMS] for at in range(0, len(numbers), _MOST_ARMS)]
    positions: list[int] = []
    choose = nsmallest if query.direction is FORWARDS else nlargest
    for chunk in chunks:
        statement, values = _arms(query, column, chunk)
        found = [position for (position,) in connection.execute(statement, values)]
        positions = choose(query.limit, positions + found)
    listed = encoding.encode(positions).decode()
    order = _order("e.position", forwards=query.direction is FORWARDS)
    statement = f"{_LISTED} {order}"
    return connection.execute(statement, (listed,))


def _page_of(
    connection: apsw.Connection, query: Read, column: str, numbers: Sequence[int]
) -> _Rows:
    low, high = _positions(query)
    order = _order("e.position", forwards=query.direction is FORWARDS)
    if len(numbers) == 1:
        statement = (
            f"{sql.ROW} WHERE e.{column} = ? AND e.position > ? AND e.position < ? {order} LIMIT ?"
        )
        return connection.execute(statement, (numbers[0], low, high, query.limit))
    arms, values = _arms(query, column, numbers)
    statement = f"{sql.ROW} WHERE e.position IN ({arms}) {order}"
    return connection.execute(statement, values)


def _arms(query: Read, column: str, numbers: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """Return the statement that merges the walks along *numbers*, and its values."""
    arm = f"SELECT position FROM events WHERE {column} = ? AND position > ? AND position < ?"  # noqa: S608 - a column of ours
    low, high = _positions(query)
    values = [value for number in numbers for value in (number, low, high)]
    order = _order("position", forwards=query.direction is FORWARDS)
    return f"{' UNION ALL '.join([arm] * len(numbers))} {order} LIMIT ?", (*values, query.limit)
