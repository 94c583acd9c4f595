"""A group of appends inside a transaction that somebody else begins and commits.

Every SQLite statement gives the interpreter lock away and has to win it back from a busy event
loop, so a group asks once where its streams end, judges its appends in memory, and inserts their
events a few dozen to the statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias, cast

import apsw
import msgspec

from backstory.core import encoding
from backstory.core.appending import settle
from backstory.core.clock import Clock, to_microseconds
from backstory.core.events import NO_METADATA, Appended, NewEvent
from backstory.core.expected import Expected, Verdict, judge
from backstory.core.ids import uuid7
from backstory.core.names import category_of
from backstory.core.retaining import (
    STREAM_DELETED,
    TOMBSTONE_REVISION,
    StreamDeleted,
    judge_ending,
)
from backstory.stores.sqlite import statements as sql

_MOST_CACHED: Final = 100_000
_ROWS_AT_ONCE: Final = (64, 16, 4, 1)
"""How many events one INSERT takes; few sizes, so that all of them stay prepared."""

_Row = tuple[int, str, int, int, int, bytes, bytes, bytes]

Part: TypeAlias = tuple[str, Sequence[NewEvent], Expected]
"""A stream, the events it gets, and what is expected of it: an append to several has several."""

_end_decoder = msgspec.json.Decoder(list[int | None])


def _insert_of(rows: int) -> str:
    head, values, row = sql.ADD_EVENT.partition("VALUES")
    return head + values + ",".join([row] * rows)


_INSERTS: Final = {rows: _insert_of(rows) for rows in _ROWS_AT_ONCE}


class Transaction(msgspec.Struct):
    """Where the log and the streams of a group end, the time of all it records, and its rows.

    `ends` holds the last revision of each stream (None: no stream), `rows` what is still to be
    inserted, `erased` how many events the group erases.
    """

    head: int
    recorded_us: int
    ends: dict[str, int | None]
    rows: list[_Row]
    erased: int = 0


class Appender:
    """Writes groups of appends over one connection; remembers the numbers of kinds.

    Those numbers never change once committed, whoever committed them, so remembering is safe;
    after a rollback `forget` must be called.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        """Write over *connection*."""
        self._cursor = connection.cursor()
        self._kinds: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Forget the numbers, some of which a rollback may have taken back."""
        self._kinds.clear()

    def begin(self, streams: Sequence[str], clock: Clock) -> Transaction:
        """Take the write lock and look where the log and *streams* end.

        Time is read from *clock* under the lock and never runs backwards.
        """
        names = list(dict.fromkeys(streams))
        self._cursor.execute("BEGIN IMMEDIATE")
        found = self._cursor.execute(sql.ENDS, (encoding.encode(names).decode(),)).fetchall()
        head, last_us, ends = cast("tuple[int | None, int | None, str]", found[0])
        revisions = _end_decoder.decode(ends)
        recorded_us = max(to_microseconds(clock()), last_us or 0)
        return Transaction(head or 0, recorded_us, dict(zip(names, revisions, strict=True)), [])

    def append(self, transaction: Transaction, parts: Sequence[Part]) -> list[Appended]:
        """Take the events of all *parts* in, or recognise them; raises `WrongExpectedRevision`.

        No two parts are of one stream, so each is judged by itself, and all before the first is
        taken in. They are inserted by `flush` at the latest.
        """
        judged = [self._judge(transaction, part) for part in parts]
        return [
            original or self._take_in(transaction, stream, events)
            for original, (stream, events, _) in zip(judged, parts, strict=True)
        ]

    def _judge(self, transaction: Transaction, part: Part) -> Appended | None:
        """Return the answer to the first try of *part*, None when it is to be written."""
        stream, events, expected = part
        actual = transaction.ends[stream]
        if actual == TOMBSTONE_REVISION:
            raise StreamDeleted(stream)
        if judge(expected, actual) is Verdict.WRITE:
            return None
        ids = [event.id.bytes for event in events]
        known = _Ids(self, transaction, stream)
        original = settle(stream, expected, actual, ids, known)
        if original is None:
            return None
        return Appended(stream, original, known.position_of(original))

    def flush(self, transaction: Transaction) -> None:
        """Insert every event that was taken in."""
        rows, at = transaction.rows, 0
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                values = [value for row in rows[at : at + size] for value in row]
                self._cursor.execute(_INSERTS[size], values)
                at += size
        rows.clear()

    def _take_in(
        self, transaction: Transaction, stream: str, events: Sequence[NewEvent]
    ) -> Appended:
        actual = transaction.ends[stream]
        category = category_of(stream)
        recorded_us = transaction.recorded_us
        position, revision = transaction.head, -1 if actual is None else actual
        for event in events:
            kind = self._kind_number(category, event.type)
            position += 1
            revision += 1
            key = (position, stream, revision, kind, recorded_us, event.id.bytes)
            transaction.rows.append((*key, event.data, event.metadata))
        transaction.head = position
        transaction.ends[stream] = revision
        return Appended(stream, revision, position)

    def end(self, transaction: Transaction, stream: str, expected: Expected) -> Appended:
        """Take the tombstone of *stream* in; raises as `judge_ending` does."""
        judge_ending(stream, expected, transaction.ends[stream])
        kind = self._kind_number(category_of(stream), STREAM_DELETED)
        transaction.head += 1
        transaction.ends[stream] = TOMBSTONE_REVISION
        key = (transaction.head, stream, TOMBSTONE_REVISION, kind, transaction.recorded_us)
        transaction.rows.append((*key, uuid7().bytes, NO_METADATA, NO_METADATA))
        return Appended(stream, TOMBSTONE_REVISION, transaction.head)

    def erase(self, transaction: Transaction, stream: str, before: int) -> int:
        """Erase the events of *stream* before a revision; return how many there were."""
        self.flush(transaction)
        self._cursor.execute(sql.ERASE, (stream, before))
        erased = self._cursor.connection.changes()
        if erased:
            self._cursor.execute(sql.NOTE_ERASED, (stream, erased))
            transaction.erased += erased
        return erased

    def _kind_number(self, category: str, event_type: str) -> int:
        known = self._kinds.get((category, event_type))
        if known is None:
            known = self.one(sql.KIND_ID, (category, event_type)) or 0
            if len(self._kinds) >= _MOST_CACHED:
                self._kinds.clear()
            self._kinds[category, event_type] = known
        return known

    def one(self, statement: str, values: tuple[str | int | bytes, ...]) -> int | None:
        """Return the one value *statement* finds, None for no row."""
        # fetchall, so that a RETURNING statement has run to its end.
        rows = self._cursor.execute(statement, values).fetchall()
        return cast("int | None", rows[0][0]) if rows else None

    def ids(self, stream: str, revision: int, count: int) -> list[bytes]:
        """Return the ids of up to *count* events of *stream* from *revision* on."""
        rows = self._cursor.execute(sql.IDS_FROM, (stream, revision, count)).fetchall()
        return [cast("bytes", event_id) for (event_id,) in rows]


class _Ids:
    """What is known of one stream's ids, the events of the same group included."""

    def __init__(self, appender: Appender, transaction: Transaction, stream: str) -> None:
        self._appender = appender
        self._transaction = transaction
        self._stream = stream

    def revision_of(self, event_id: bytes) -> int | None:
        self._appender.flush(self._transaction)
        return self._appender.one(sql.REVISION_OF_ID, (event_id, self._stream))

    def ids_from(self, revision: int, count: int) -> list[bytes]:
        self._appender.flush(self._transaction)
        return self._appender.ids(self._stream, revision, count)

    def position_of(self, revision: int) -> int:
        return self._appender.one(sql.POSITION_OF, (self._stream, revision)) or 0
