"""From a `Read` to SQL that walks along an index and stops at the limit; never an OFFSET.

A category or type is one walk for each of its kinds, merged by position as they go (PostgreSQL
merges the ordered arms of a UNION ALL without collecting them first).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final
from uuid import UUID

from backstory.core.names import category_of
from backstory.core.read import FORWARDS, MAX_PAGE_BYTES, Read
from backstory.core.store import Sought
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.group import Call

MOST_ARMS: Final = 128
"""Most walks merged in one statement; beyond them the log itself is walked, with a filter."""

_MAX_INTEGER: Final = 2**63 - 1
_NO_KIND: Final = 0


def _order(key: str, *, forwards: bool) -> str:
    return f"ORDER BY {key} {'ASC' if forwards else 'DESC'}"


_BOTH: Final = (True, False)
_WITHIN: Final = "e.position > $2 AND e.position < $3"
_LOG: Final = {
    forwards: f"{sql.ROW} WHERE {_WITHIN} {_order('e.position', forwards=forwards)} LIMIT $4"
    for forwards in _BOTH
}
_WITHIN_STREAM: Final = (
    "e.stream = $5 AND e.revision > $2 AND e.revision <= $3 AND e.position <= $6"
)
_STREAM: Final = {
    forwards: f"{sql.ROW} WHERE {_WITHIN_STREAM} {_order('e.revision', forwards=forwards)} LIMIT $4"
    for forwards in _BOTH
}
_STREAM_TYPES: Final = {
    forwards: f"{sql.ROW} WHERE {_WITHIN_STREAM} AND e.kind = ANY(ARRAY({sql.KINDS_OF_STREAM}))"
    f" {_order('e.revision', forwards=forwards)} LIMIT $4"
    for forwards in _BOTH
}
_FILTERED_LOG: Final = {
    (forwards, condition): f"{sql.ROW} JOIN kinds AS k ON k.id = e.kind WHERE {_WITHIN}"
    f" AND {condition} {_order('e.position', forwards=forwards)} LIMIT $4"
    for forwards in _BOTH
    for condition in (
        "k.category = $5",
        "k.type = ANY($5::text[])",
        "k.category = $5 AND k.type = ANY($6::text[])",
    )
}

_FIND: Final = f"{sql.ROW} WHERE e.position = ANY(ARRAY({sql.FIND})) ORDER BY e.position LIMIT 1"


@cache
def _merged(arms: int, *, forwards: bool) -> str:
    """Return the statement that merges the walks along *arms* kinds.

    Each walk is told its order, too: otherwise all are collected and sorted.
    """
    order = _order("e.position", forwards=forwards)
    each = [
        f"(SELECT * FROM events AS e WHERE e.kind = ${5 + n} AND {_WITHIN} {order})"  # noqa: S608 - our own words
        for n in range(arms)
    ]
    source = f"({' UNION ALL '.join(each)}) AS e"
    return f"{sql.ROW.replace('events AS e', source)} {order} LIMIT $4"


def _bounds(after: int | None, before: int | None) -> tuple[int, int]:
    low = -1 if after is None else after
    high = _MAX_INTEGER if before is None else before
    return _clamped(low), _clamped(high)


def _clamped(bound: int) -> int:
    return max(-1, min(bound, _MAX_INTEGER))


def positions(query: Read) -> tuple[int, int]:
    """Return the positions between which *query*, not of a stream, looks; both exclusive."""
    low, high = _bounds(query.after, query.before)
    return low, high if query.until is None else min(high, _clamped(query.until) + 1)


def share_of(query: Read) -> int:
    """Return how many bytes one event of the page may hold that comes with the others."""
    return MAX_PAGE_BYTES // query.limit


def log_call(query: Read) -> Call:
    """Return what reads a page of the whole log."""
    return _LOG[query.direction is FORWARDS], (share_of(query), *positions(query), query.limit)


def stream_call(query: Read, stream: str) -> Call:
    """Return what reads a page of *stream*."""
    until = _MAX_INTEGER if query.until is None else _clamped(query.until)
    forwards = query.direction is FORWARDS
    low, high = _bounds(query.after, query.before)
    # Up to and with, because the largest revision there is has the tombstone.
    bounds = (low, high if query.before is None else high - 1)
    values = (share_of(query), *bounds, query.limit, stream, until)
    if query.types:
        return _STREAM_TYPES[forwards], (*values, category_of(stream), query.types)
    return _STREAM[forwards], values


def kinds_call(query: Read, numbers: Sequence[int], head: int) -> Call:
    """Return what reads a page of the kinds with these *numbers*, up to the position *head*.

    With more than `MOST_ARMS` of them the log is walked instead: streams named without a category
    (plain UUIDs, say) make as many kinds as streams.
    """
    low, high = positions(query)
    forwards = query.direction is FORWARDS
    values = (share_of(query), low, min(high, head + 1), query.limit)
    if len(numbers) > MOST_ARMS:
        condition, wanted = _condition(query)
        return _FILTERED_LOG[forwards, condition], (*values, *wanted)
    arms = 1 << max(0, len(numbers) - 1).bit_length()  # few statements, so that all stay prepared
    padding = (_NO_KIND,) * (arms - len(numbers))
    return _merged(arms, forwards=forwards), (*values, *numbers, *padding)


@cache
def _searching(words: int, *, forwards: bool) -> str:
    """Return the statement that looks for one of *words* words in the metadata."""
    holds = " OR ".join(f"strpos(e.metadata::text, ${5 + n}) > 0" for n in range(words))
    order = _order("e.position", forwards=forwards)
    return f"{sql.ROW} WHERE {_WITHIN} AND ({holds}) {order} LIMIT $4"


def search_call(sought: Sought, words: Sequence[str]) -> Call:
    """Return what looks for one of *words* between the bounds of what is *sought*."""
    count = 1 << (len(words) - 1).bit_length()  # few statements, so that all stay prepared
    padded = [*words, *[words[0]] * (count - len(words))]
    share = MAX_PAGE_BYTES // sought.limit
    bounds = (_clamped(sought.after), min(_clamped(sought.until) + 1, _MAX_INTEGER))
    statement = _searching(count, forwards=not sought.newest_first)
    return statement, (share, *bounds, sought.limit, *padded)


def find_call(event_id: UUID) -> Call:
    """Return what finds the earliest event with this id."""
    return _FIND, (MAX_PAGE_BYTES, event_id)


def _condition(query: Read) -> tuple[str, tuple[object, ...]]:
    if query.category is None:
        return "k.type = ANY($5::text[])", (query.types,)
    if not query.types:
        return "k.category = $5", (query.category,)
    return "k.category = $5 AND k.type = ANY($6::text[])", (query.category, query.types)
