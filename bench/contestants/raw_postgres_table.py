"""A minimal event table in PostgreSQL: what a person would write without a product."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from os import urandom
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from bench.databases import url_in
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

Row: TypeAlias = tuple[int, str, int, UUID, str, bytes, bytes, int]

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS events (
    position bigint PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    data json NOT NULL,
    metadata json NOT NULL,
    recorded_at bigint NOT NULL,
    UNIQUE (stream, revision)
)
"""
INSERT: Final = """
INSERT INTO events SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE $3 = (SELECT coalesce(max(revision) + 1, 0) FROM events WHERE stream = $2)
"""
"""One statement that checks the revision as well."""
INSERT_MANY: Final = """
INSERT INTO events SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::json[], $7::json[],
    $8::bigint[]
)
"""
SELECT: Final = (
    "SELECT position, stream, revision, id, type, data, metadata, recorded_at FROM events"
)
_TOGETHER: Final = 5_000
_encode = msgspec.json.Encoder().encode


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to the table in the database of *folder*; every commit is synced."""
    connection = await asyncpg.connect(url_in(folder))
    try:
        assert await connection.fetchval("SHOW synchronous_commit") == "on", "not durable"
        await connection.execute(_CREATE)
        # JSON as the bytes that it is: what is decoded here is decoded once.
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
        )
        yield connection
    finally:
        await connection.close()


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
            key = (self._position, name, revision, UUID(bytes=urandom(16)), USER_CREATED)
            rows.append((*key, _encode(event), _encode(meta), now))
        return rows


def columns(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Return *rows* as a list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


async def fill(folder: Path, streams: Iterable[tuple[int, int]]) -> None:
    """Fill the table in the database of *folder* with *streams*, given as numbers and lengths."""
    rows = _lives(streams)
    async with connected(folder) as connection:
        while chunk := list(islice(rows, _TOGETHER)):
            await connection.fetch(INSERT_MANY, *columns(chunk))
        await connection.execute("VACUUM ANALYZE events")


def _lives(streams: Iterable[tuple[int, int]]) -> Iterator[Row]:
    position = 0
    now = time.time_ns() // 1000
    for number, length in streams:
        for revision, event in enumerate(life(number, length)):
            position += 1
            event_type = USER_CREATED if isinstance(event, UserCreated) else USER_RENAMED
            key = (position, stream_of(number), revision, UUID(bytes=urandom(16)), event_type)
            yield (*key, _encode(event), _encode(metadata(position)), now)
