"""Time as a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from backstory.core.clock import (
    from_microseconds,
    system_clock,
    to_microseconds,
    unix_milliseconds,
)


def test_the_system_clock_answers_aware_utc_time() -> None:
    """A naive time would be read in the reader's zone."""
    before = datetime.now(UTC)
    now = system_clock()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)


def test_milliseconds_agree_with_the_system_clock() -> None:
    """Ids and records must be comparable."""
    apart = abs(unix_milliseconds() - to_microseconds(system_clock()) // 1000)
    assert apart < 1_000


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_hold_a_time_exactly(moment: datetime) -> None:
    """No rounding: what a store keeps as an integer comes back as the same time."""
    assert from_microseconds(to_microseconds(moment)) == moment


def test_the_zone_of_a_time_does_not_change_its_microseconds() -> None:
    """Two names of one instant are one number."""
    utc = datetime(2024, 3, 1, 12, tzinfo=UTC)
    tokyo = utc.astimezone(timezone(timedelta(hours=9)))
    assert to_microseconds(utc) == to_microseconds(tokyo) == 1_709_294_400_000_000
