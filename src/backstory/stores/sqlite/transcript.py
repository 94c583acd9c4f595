"""Writing down events that another store recorded, with their positions, ids and times.

No append can do that, and none should: this is for files that hold a copy of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import apsw

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.names import category_of
from backstory.stores.sqlite import statements as sql
from backstory.stores.sqlite.connection import connect, prepare
from backstory.stores.sqlite.errors import translated
from backstory.stores.sqlite.settings import SqliteSettings


class Transcript:
    """A new file with the tables of a SQLite store, filled with recorded events in their order.

    Everything is one transaction, which `finish` commits; `abandon` leaves a file without events.
    Use it from one thread.
    """

    def __init__(self, path: Path) -> None:
        """Create the file at *path*; raises `InvalidInput` when one is there.

        Raises `StoreUnavailable` when it cannot be written.
        """
        if path.exists():
            message = f"{path} exists already; choose another name or remove it"
            raise InvalidInput(message)
        self._path = path
        self._kinds: dict[tuple[str, str], int] = {}
        settings = SqliteSettings(path=path)
        with translated(path):
            self._connection = connect(settings)
            prepare(self._connection, settings)
            # One file that can be copied and sent, with nothing beside it.
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            self._connection.execute("BEGIN IMMEDIATE")

    @property
    def connection(self) -> apsw.Connection:
        """Return the connection, for what else the file is to hold."""
        return self._connection

    def add(self, events: Sequence[RecordedEvent]) -> None:
        """Write *events*, which stand behind all that were written before."""
        rows = [
            (
                event.position,
                event.stream,
                event.revision,
                self._kind(event),
                event.recorded_us,
                event.id_bytes,
                event.data,
                event.metadata,
            )
            for event in events
        ]
        with translated(self._path):
            self._connection.executemany(sql.ADD_EVENT, rows)

    def _kind(self, event: RecordedEvent) -> int:
        key = (category_of(event.stream), event.type)
        number = self._kinds.get(key)
        if number is None:
            number = self._kinds[key] = len(self._kinds) + 1
            with translated(self._path):
                self._connection.execute("INSERT INTO kinds VALUES (?, ?, ?)", (number, *key))
        return number

    def finish(self) -> None:
        """Make everything durable and close the file."""
        with translated(self._path):
            self._connection.execute("COMMIT")
        self._connection.close()

    def abandon(self) -> None:
        """Close the file and take back what was written."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Begin a block at whose end the file is finished, or abandoned when it fails."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish, or abandon on an error."""
        if kind is None:
            self.finish()
        else:
            self.abandon()
