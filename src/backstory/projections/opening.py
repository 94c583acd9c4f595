"""Which database a URL of a read model means."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from backstory.core.errors import InvalidSetting
from backstory.projections.database import Database
from backstory.projections.sqlite import SqliteDatabase

_POSTGRES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def open_database(url: str, schema: str) -> Database:
    """Return the database at *url*, connected when it is used first.

    Raises `InvalidSetting` for a URL, a setting or a *schema* that it cannot have.
    """
    parsed = _parsed("sqlite://" if url.rstrip("/") == "memory:" else url)
    if parsed is not None and parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(parsed)
    if parsed is not None and parsed.drivername in _POSTGRES:
        return _open_postgres(parsed, schema)
    # Not the whole URL: there may be a password in it.
    scheme = url.partition(":")[0]
    message = (
        f"no read model is found by {scheme!r}: write sqlite:///file.db, "
        "postgresql://user@host/database or memory:"
    )
    raise InvalidSetting(message)


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None


def _open_postgres(url: URL, schema: str) -> Database:
    try:
        from backstory.projections.postgres.database import PostgresDatabase  # noqa: PLC0415 - its driver is an extra
    except ImportError as error:
        message = "read models on PostgreSQL need a driver: pip install 'backstory[postgres]'"
        raise InvalidSetting(message) from error
    return PostgresDatabase(url, schema)
