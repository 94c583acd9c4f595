"""A projection by hand: from the event table into a table of another SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import apsw
import msgspec

from bench.contestants.raw_table import open_table
from bench.events import USER_CREATED, UserCreated
from bench.job import Job
from bench.meter import Meter

_PAGE: Final = 1_000
_CREATE: Final = """
CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE checkpoint (position INTEGER NOT NULL);
INSERT INTO checkpoint VALUES (0);
"""
_READ: Final = (
    "SELECT position, data FROM events WHERE position > ? AND type = ? ORDER BY position LIMIT ?"
)
_ADD: Final = "INSERT INTO user (username, full_name, created_at) VALUES (?, ?, ?)"
_MOVE: Final = "UPDATE checkpoint SET position = ? WHERE position = ?"

_decode = msgspec.json.Decoder(UserCreated).decode


def project(job: Job, meter: Meter) -> None:
    """Decode every user-created and insert its row, 1,000 per transaction with the checkpoint."""
    source = open_table(job.data / "raw.db")
    target = _open_target(job.folder / "read_model.db")
    position = 0
    with meter.timed(job.scale.projected):
        while page := _page(source, position):
            before, position = position, page[-1][0]
            rows = [
                (event.username, event.full_name, event.opened_at.isoformat())
                for event in (_decode(data) for _, data in page)
            ]
            target.execute("BEGIN IMMEDIATE")
            target.executemany(_ADD, rows)
            target.execute(_MOVE, (position, before))
            target.execute("COMMIT")
    assert target.execute("SELECT count(*) FROM user").fetchall() == [(job.scale.projected,)]
    source.close()
    target.close()


def _page(source: apsw.Connection, after: int) -> list[tuple[int, bytes]]:
    return cast(
        "list[tuple[int, bytes]]", source.execute(_READ, (after, USER_CREATED, _PAGE)).fetchall()
    )


def _open_target(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(_CREATE)
    return connection
