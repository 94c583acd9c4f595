"""Opening the file: pragmas, identity, schema version and migrations."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import apsw

from backstory.core.errors import StoreDamaged, StoreVersionUnsupported
from backstory.stores.sqlite.settings import SqliteSettings

APPLICATION_ID: Final = int.from_bytes(b"BkSt")
"""Written into the file's header, so that no other program's database is taken for a store."""


def _migrations() -> tuple[str, ...]:
    folder = files(__package__).joinpath("migrations")
    named = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(entry.read_text(encoding="utf-8") for _, entry in named)


MIGRATIONS: Final = _migrations()
"""The SQL that takes a file from schema version *n* to *n + 1*, by *n*."""

SCHEMA_VERSION: Final = len(MIGRATIONS)

_FLAGS: Final = {
    "rwc": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
    "rw": apsw.SQLITE_OPEN_READWRITE,
    "ro": apsw.SQLITE_OPEN_READONLY,
}


def connect(settings: SqliteSettings, *, mode: str | None = None) -> apsw.Connection:
    """Return a connection with the store's pragmas; *mode* overrides that of the settings.

    Raises apsw's errors. Nothing is created in the file.
    """
    flags = _FLAGS[mode or settings.mode]
    connection = apsw.Connection(str(settings.path), flags=flags)
    connection.set_busy_timeout(int(settings.busy_timeout * 1000))
    connection.execute(f"PRAGMA cache_size = {-1024 * settings.cache_mib}")
    # FULL: the answer to an append waits until the write-ahead log is on the disk.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def prepare(connection: apsw.Connection, settings: SqliteSettings) -> None:
    """Make the file a store of the newest schema, or refuse it and leave it as it is.

    Raises `StoreDamaged` for another program's database, `StoreVersionUnsupported` for a newer
    store, and apsw's errors. Two processes may do this to one new file at the same time.
    """
    # One snapshot: while this one looks, another process may be making the tables.
    connection.execute("BEGIN")
    try:
        found = _version(connection, settings)
    finally:
        connection.execute("ROLLBACK")
    if found == SCHEMA_VERSION or not settings.writable:
        return
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been first while this one waited for the lock.
        for migration in MIGRATIONS[_version(connection, settings) :]:
            connection.execute(migration)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: apsw.Connection, settings: SqliteSettings) -> int:
    identity = connection.pragma("application_id")
    version = connection.pragma("user_version")
    assert isinstance(version, int)  # noqa: S101 - SQLite's own header field
    if identity == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise StoreVersionUnsupported(
                found=version, supported=SCHEMA_VERSION, place=str(settings.path)
            )
        return version
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if identity != 0 or version != 0 or tables != (0,):
        message = (
            f"{settings.path} is a SQLite database of another program; "
            "give the event store a file of its own. Nothing was changed."
        )
        raise StoreDamaged(message)
    if not settings.writable:
        message = f"{settings.path} is empty: it holds no event store to read"
        raise StoreDamaged(message)
    return 0
