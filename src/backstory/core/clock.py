"""Time as a value: the one place where the wall clock is read.

A `Clock` is anything that answers an aware UTC time. Stores, ids and the time machine take one, so
a replay can give them the time of the record instead of today's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Answers the present time, aware and in UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """Return the machine's time, aware and in UTC; it may run backwards."""
    return datetime.now(UTC)


def unix_milliseconds() -> int:
    """Return the machine's time in whole milliseconds since 1970, for time-ordered ids."""
    return time.time_ns() // 1_000_000


def to_microseconds(moment: datetime) -> int:
    """Return *moment* (aware) as whole microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the aware UTC time that *microseconds* since 1970 name."""
    return _EPOCH + timedelta(microseconds=microseconds)
