"""What people write to name a point of the log."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidMoment
from backstory.timemachine.moment import (
    AtCorrelation,
    AtEvent,
    AtHead,
    AtPosition,
    AtRevision,
    AtTime,
    Moment,
    parse_moment,
)

NOW = datetime(2026, 11, 23, 3, 12, 7, tzinfo=UTC)
EVENT = "0198c6f2-1234-7abc-8def-0123456789ab"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("head", AtHead()),
        (" Now ", AtHead()),
        ("0", AtPosition(0)),
        ("4711", AtPosition(4711)),
        ("position:4711", AtPosition(4711)),
        (EVENT, AtEvent(UUID(EVENT))),
        (EVENT.upper(), AtEvent(UUID(EVENT))),
        ("2026-11-23T03:12:07Z", AtTime(NOW)),
        ("2026-11-23 04:12:07+01:00", AtTime(NOW)),
        ("10 minutes ago", AtTime(NOW - timedelta(minutes=10))),
        ("1 minute ago", AtTime(NOW - timedelta(minutes=1))),
        ("90s ago", AtTime(NOW - timedelta(seconds=90))),
        ("2 Days Ago", AtTime(NOW - timedelta(days=2))),
        ("user-donald-le@3", AtRevision("user-donald-le", 3)),
        ("user-a@example.org@0", AtRevision("user-a@example.org", 0)),
        ("correlation:abc 1", AtCorrelation("abc 1")),
        (f"correlation:{EVENT}", AtCorrelation(EVENT)),
    ],
)
def test_each_form_names_its_moment(text: str, moment: Moment) -> None:
    """At 3 a.m. one types what one has at hand."""
    assert parse_moment(text, now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "-1",
        "position:",
        "correlation:",
        "user-donald-le",
        "user@",
        "10 apples ago",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """A guess would show the wrong past."""
    with pytest.raises(InvalidMoment):
        parse_moment(text, now=NOW)


@pytest.mark.parametrize("text", ["2026-11-23T03:12:07", "2026-11-23"])
def test_a_time_without_a_zone_is_refused_and_told_how_to_write_it(text: str) -> None:
    """Nobody can know which of the world's clocks was meant."""
    with pytest.raises(InvalidMoment, match="no time zone"):
        parse_moment(text, now=NOW)


def test_a_time_before_the_calendar_is_refused() -> None:
    """Not an OverflowError with a stack trace."""
    with pytest.raises(InvalidMoment, match="calendar"):
        parse_moment("999999999 weeks ago", now=NOW)


@given(
    time=st.datetimes(timezones=st.just(timezone(timedelta(hours=-7)))),
    position=st.integers(0, 10**18 - 1),
)
def test_what_is_printed_can_be_typed_in_again(time: datetime, position: int) -> None:
    """People copy positions and times out of the output of other commands."""
    assert parse_moment(time.isoformat(), now=NOW) == AtTime(time)
    assert parse_moment(str(position), now=NOW) == AtPosition(position)


@given(text=st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is typed, the answer is a moment or an error that says what to write."""
    with contextlib.suppress(InvalidMoment):
        assert isinstance(parse_moment(text, now=NOW), Moment)
