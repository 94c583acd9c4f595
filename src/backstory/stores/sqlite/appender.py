"""One append inside a transaction that somebody else begins and commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw
import msgspec

from backstory.core.appending import settle
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import Expected
from backstory.core.names import category_of
from backstory.stores.sqlite import statements as sql

_MOST_CACHED = 100_000


class Transaction(msgspec.Struct):
    """Where the log stands within the transaction, and the time of all it records."""

    head: int
    recorded_us: int


class Appender:
    """Writes appends over one connection; remembers the numbers of kinds and types.

    Those numbers never change once committed, whoever committed them, so remembering is safe;
    after a rollback `forget` must be called.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        """Write over *connection*."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._kinds: dict[tuple[str, str], tuple[int, int]] = {}

    def forget(self) -> None:
        """Forget the numbers, some of which a rollback may have taken back."""
        self._kinds.clear()

    def begin(self, now_us: int) -> Transaction:
        """Take the write lock and return where the log stands; time never runs backwards."""
        self._cursor.execute("BEGIN IMMEDIATE")
        tip = self._cursor.execute(sql.TIP).fetchall()
        if not tip:
            return Transaction(0, now_us)
        head, last_us = cast("tuple[int, int]", tip[0])
        return Transaction(head, max(now_us, last_us))

    def append(
        self,
        transaction: Transaction,
        stream: str,
        events: Sequence[NewEvent],
        expected: Expected,
    ) -> Appended:
        """Write *events*, or recognise them; raises `WrongExpectedRevision` before it writes."""
        actual = self._one(sql.LAST_REVISION, (stream,))
        ids = [event.id.bytes for event in events]
        original = settle(stream, expected, actual, ids, _Ids(self._connection, stream))
        if original is not None:
            return Appended(stream, original, self._one(sql.POSITION_OF, (stream, original)) or 0)
        first = 0 if actual is None else actual + 1
        self._insert(transaction, stream, first, events, ids)
        return Appended(stream, first + len(events) - 1, transaction.head)

    def _insert(
        self,
        transaction: Transaction,
        stream: str,
        first: int,
        events: Sequence[NewEvent],
        ids: Sequence[bytes],
    ) -> None:
        category = category_of(stream)
        recorded_us = transaction.recorded_us
        position, revision = transaction.head, first - 1
        rows = []
        for event, event_id in zip(events, ids, strict=True):
            kind, event_type = self._kind_numbers(category, event.type)
            position += 1
            revision += 1
            rows.append(
                (
                    position,
                    stream,
                    revision,
                    kind,
                    event_type,
                    recorded_us,
                    event_id,
                    event.data,
                    event.metadata,
                )
            )
        if len(rows) == 1:  # executemany takes as long again for a single row
            self._cursor.execute(sql.ADD_EVENT, rows[0])
        else:
            self._cursor.executemany(sql.ADD_EVENT, rows)
        transaction.head = position

    def _kind_numbers(self, category: str, event_type: str) -> tuple[int, int]:
        known = self._kinds.get((category, event_type))
        if known is None:
            type_number = self._one(sql.TYPE_ID, (event_type,)) or 0
            known = self._one(sql.KIND_ID, (category, type_number)) or 0, type_number
            if len(self._kinds) >= _MOST_CACHED:
                self._kinds.clear()
            self._kinds[category, event_type] = known
        return known

    def _one(self, statement: str, values: tuple[object, ...]) -> int | None:
        # fetchall, so that a RETURNING statement has run to its end.
        rows = self._cursor.execute(statement, values).fetchall()
        return cast("int | None", rows[0][0]) if rows else None


class _Ids:
    """The ids of one stream, looked up in its indexes."""

    def __init__(self, connection: apsw.Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream

    def revision_of(self, event_id: bytes) -> int | None:
        row: tuple[int | None] | None = self._connection.execute(
            sql.REVISION_OF_ID, (event_id, self._stream)
        ).fetchone()
        return row[0] if row else None

    def ids_from(self, revision: int, count: int) -> list[bytes]:
        rows = self._connection.execute(sql.IDS_FROM, (self._stream, revision, count))
        return [event_id for (event_id,) in rows]
