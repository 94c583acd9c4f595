"""Moments as this service writes them: ISO 8601 in UTC, to the millisecond, `Z` at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_OFFSET: Final = len("+00:00")


def written(moment: datetime) -> str:
    """Return *moment* (aware) as `2023-07-14T01:47:35.070Z`."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-_OFFSET] + "Z"


def moment_of(text: str) -> datetime:
    """Return the moment *text* names; raises `ValueError` for no ISO 8601 and for no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        message = "a time needs its zone: end it with Z, or with an offset such as +02:00"
        raise ValueError(message)
    return moment.astimezone(UTC)
