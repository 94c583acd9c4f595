"""From a `Read` to SQL that walks along an index and stops at the limit; never an OFFSET.

A category or type is one walk for each of its kinds, merged by position as they go (SQLite merges
the arms of an ordered UNION ALL without collecting them first).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import apsw

from backstory.core import encoding
from backstory.core.events import RecordedEvent
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.stores.sqlite import statements as sql

_MAX_INTEGER: Final = 2**63 - 1
_MOST_ARMS: Final = 128
"""Most walks merged in one statement; beyond them the log itself is walked, with a filter."""

Row = tuple[int, str, int, str, bytes, bytes, bytes, int]
"""What stands in a recorded event, in its order."""

_Rows = Iterator[Row]


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
    return _filtered_rows(connection, query)


def _order(key: str, *, forwards: bool) -> str:
    return f"ORDER BY {key} {'ASC' if forwards else 'DESC'}"


_LOG: Final = {
    forwards: f"{sql.ROW} WHERE e.position > ? AND e.position < ?"
    f" {_order('e.position', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}
_WITHIN_STREAM: Final = (
    f"{sql.ROW} WHERE e.stream = ? AND e.revision > ? AND e.revision <= ? AND e.position <= ?"
)
_STREAM: Final = {
    forwards: f"{_WITHIN_STREAM} {_order('e.revision', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}
_STREAM_TYPES: Final = {
    forwards: f"{_WITHIN_STREAM} AND k.type IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own words
    f" {_order('e.revision', forwards=forwards)} LIMIT ?"
    for forwards in (True, False)
}


def _bounds(after: int | None, before: int | None) -> tuple[int, int]:
    low = -1 if after is None else after
    high = _MAX_INTEGER if before is None else before
    return _clamped(low), _clamped(high)


def _revisions(query: Read) -> tuple[int, int]:
    """Return the revision behind which *query* begins, and the last that it includes.

    The largest there is has the tombstone.
    """
    low, high = _bounds(query.after, query.before)
    return low, high if query.before is None else high - 1


def _clamped(bound: int) -> int:
    return max(-1, min(bound, _MAX_INTEGER))


def _positions(query: Read) -> tuple[int, int]:
    low, high = _bounds(query.after, query.before)
    return low, high if query.until is None else min(high, _clamped(query.until) + 1)


def _stream_rows(connection: apsw.Connection, query: Read) -> _Rows:
    until = _MAX_INTEGER if query.until is None else _clamped(query.until)
    forwards = query.direction is FORWARDS
    common = (query.stream, *_revisions(query), until)
    if query.types:
        names = _listed(query.types)
        return connection.execute(_STREAM_TYPES[forwards], (*common, names, query.limit))
    return connection.execute(_STREAM[forwards], (*common, query.limit))


def _filtered_rows(connection: apsw.Connection, query: Read) -> _Rows:
    """Return the rows of a category or of some types."""
    kinds = _kinds(connection, query)
    low, high = _positions(query)
    order = _order("e.position", forwards=query.direction is FORWARDS)
    if len(kinds) > _MOST_ARMS:
        # Streams named without a category (plain UUIDs, say) make as many kinds as streams.
        condition, values = _condition(query)
        statement = (
            f"{sql.ROW} WHERE e.position > ? AND e.position < ? AND {condition} {order} LIMIT ?"
        )
        return connection.execute(statement, (low, high, *values, query.limit))
    if len(kinds) == 1:
        statement = (
            f"{sql.ROW} WHERE e.kind = ? AND e.position > ? AND e.position < ? {order} LIMIT ?"
        )
        return connection.execute(statement, (kinds[0], low, high, query.limit))
    return _merged_rows(connection, query, kinds)


def _kinds(connection: apsw.Connection, query: Read) -> list[int]:
    """Return the kinds to walk along, one more than can be merged at most."""
    enough = _MOST_ARMS + 1
    if query.category is None:
        found = connection.execute(sql.KINDS_OF_TYPES, (_listed(query.types), enough))
    elif query.types:
        values = (query.category, _listed(query.types), enough)
        found = connection.execute(sql.KINDS_IN_OF_TYPES, values)
    else:
        found = connection.execute(sql.KINDS_IN, (query.category, enough))
    return [number for (number,) in found]


def _condition(query: Read) -> tuple[str, list[str]]:
    wanted: list[tuple[str, str]] = []
    if query.category is not None:
        wanted.append(("k.category = ?", query.category))
    if query.types:
        wanted.append(("k.type IN (SELECT value FROM json_each(?))", _listed(query.types)))
    return " AND ".join(text for text, _ in wanted), [value for _, value in wanted]


def _merged_rows(connection: apsw.Connection, query: Read, kinds: Sequence[int]) -> _Rows:
    """Return the rows of several kinds, whose walks are merged by position as they go."""
    if not kinds:
        return iter(())
    low, high = _positions(query)
    forwards = query.direction is FORWARDS
    arm = "SELECT position FROM events WHERE kind = ? AND position > ? AND position < ?"
    arms = f"{' UNION ALL '.join([arm] * len(kinds))} {_order('position', forwards=forwards)}"
    order = _order("e.position", forwards=forwards)
    statement = f"{sql.ROW} WHERE e.position IN ({arms} LIMIT ?) {order}"
    values = [value for kind in kinds for value in (kind, low, high)]
    return connection.execute(statement, (*values, query.limit))
