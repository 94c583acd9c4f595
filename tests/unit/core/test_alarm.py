from __future__ import annotations

import logging

import pytest

from backstory.core.alarm import PAUSE, Alarm

_log = logging.getLogger("backstory.test-alarm")


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    """Return a clock that stands still unless it is set."""
    return _Clock()


@pytest.fixture
def alarm(clock: _Clock, caplog: pytest.LogCaptureFixture) -> Alarm:
    """Return an alarm whose lines are caught."""
    caplog.set_level(logging.INFO, _log.name)
    return Alarm(_log, "the disk is slow", clock=clock)


def test_trouble_that_lasts_is_told_at_once_and_then_once_a_minute(
    alarm: Alarm, clock: _Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand retries a minute are one line, which says that they were a thousand."""
    alarm.ring(attempt=0)
    for attempt in range(1, 1_000):
        clock.now = PAUSE * attempt / 1_000
        alarm.ring(attempt=attempt)
    clock.now = PAUSE
    alarm.ring(attempt=1_000)
    told = [(record.levelname, vars(record)["times"]) for record in caplog.records]
    assert told == [("WARNING", 1), ("WARNING", 1_000)]
    assert vars(caplog.records[-1])["attempt"] == 1_000


def test_the_end_of_the_trouble_is_told_once(
    alarm: Alarm, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever read of the trouble reads of its end, and not again with every success."""
    alarm.settle("the disk is quick again")
    assert not caplog.records
    alarm.ring()
    alarm.settle("the disk is quick again")
    alarm.settle("the disk is quick again")
    assert [record.message for record in caplog.records] == [
        "the disk is slow",
        "the disk is quick again",
    ]


def test_trouble_that_comes_back_is_told_at_once(
    alarm: Alarm, caplog: pytest.LogCaptureFixture
) -> None:
    """It is new trouble, although no minute has passed."""
    for _ in range(2):
        alarm.ring()
        alarm.settle("the disk is quick again")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2
    assert vars(caplog.records[2])["times"] == 1
