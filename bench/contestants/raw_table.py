"""A minimal event table in SQLite: what a person would write without a product."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from os import urandom
from pathlib import Path
from typing import Final

import apsw
import msgspec

from bench.events import (
    SAMPLES,
    USER_CREATED,
    USER_RENAMED,
    UserCreated,
    life,
    metadata,
    samples,
    stream_of,
)

Row = tuple[int, str, int, bytes, str, bytes, bytes, int]

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    data BLOB NOT NULL,
    metadata BLOB NOT NULL,
    recorded_at INTEGER NOT NULL,
    UNIQUE (stream, revision)
)
"""
FULL: Final = 2
"""What `PRAGMA synchronous` answers where every commit is synced."""

INSERT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
SELECT: Final = (
    "SELECT position, stream, revision, id, type, data, metadata, recorded_at FROM events"
)

_encode = msgspec.json.Encoder().encode
decode_metadata: Final = msgspec.json.Decoder(dict[str, str]).decode


def open_table(path: Path) -> apsw.Connection:
    """Return a connection to the table at *path*: WAL, every commit synced."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_CREATE)
    assert connection.pragma("synchronous") == FULL, "not durable"
    return connection


def insert_together(connection: apsw.Connection, rows: Iterable[Row]) -> None:
    """Insert *rows* in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")


class Rows:
    """Makes rows to insert of typed events: who has no product encodes them as well."""

    def __init__(self) -> None:
        """Begin with an empty table."""
        self._position = 0
        self._samples = samples()

    def stream(self, number: int, length: int = 1) -> list[Row]:
        """Return the rows of a new stream."""
        name = stream_of(number)
        now = time.time_ns() // 1000
        rows: list[Row] = []
        for revision in range(length):
            self._position += 1
            event, meta = self._samples[self._position % SAMPLES]
            key = (self._position, name, revision, urandom(16), USER_CREATED)
            rows.append((*key, _encode(event), _encode(meta), now))
        return rows


def fill(path: Path, streams: Iterable[tuple[int, int]]) -> None:
    """Fill the table at *path* with *streams*, given as numbers and lengths."""
    connection = open_table(path)
    insert_together(connection, _lives(streams))
    connection.close()


def _lives(streams: Iterable[tuple[int, int]]) -> Iterator[Row]:
    position = 0
    now = time.time_ns() // 1000
    for number, length in streams:
        for revision, event in enumerate(life(number, length)):
            position += 1
            event_type = USER_CREATED if isinstance(event, UserCreated) else USER_RENAMED
            meta = _encode(metadata(position))
            yield (
                position,
                stream_of(number),
                revision,
                urandom(16),
                event_type,
                _encode(event),
                meta,
                now,
            )
