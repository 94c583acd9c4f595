"""Column types for read models that mean the same on every database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_UTC_LENGTH = len("2023-07-14T01:47:35.070000Z")
_OFFSET = len("+00:00")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware UTC in, aware UTC out, to the microsecond, on every database.

    `TIMESTAMPTZ` where the database has it. On SQLite it is ISO 8601 text of fixed width
    (`2023-07-14T01:47:35.070000Z`), so comparing and sorting in SQL follow time, and people can
    read it. A naive datetime is refused with `ValueError`: nobody could say which moment it names.
    """

    # Typed as SQLAlchemy types it.
    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime(timezone=True)
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the column really is on *dialect*."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(_UTC_LENGTH))
        return dialect.type_descriptor(DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object]:
        """Return what makes a moment into what the driver takes; it refuses a naive one."""
        return _to_text if dialect.name == "sqlite" else _to_utc

    def result_processor(
        self, _dialect: Dialect, _coltype: object
    ) -> Callable[[object], datetime | None]:
        """Return what makes what the driver gives into an aware UTC time."""
        return _from_driver


def _to_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is not UTC:
        value = _in_utc(value)
    return value.isoformat(timespec="microseconds")[:-_OFFSET] + "Z"


def _to_utc(value: datetime | None) -> datetime | None:
    return value if value is None or value.tzinfo is UTC else _in_utc(value)


def _from_driver(value: object) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(str(value))


def _in_utc(value: datetime) -> datetime:
    if value.utcoffset() is None:
        message = (
            f"{value!r} has no time zone, so it names no moment; use datetime.now(UTC) and its kin"
        )
        raise ValueError(message)
    return value.astimezone(UTC)
