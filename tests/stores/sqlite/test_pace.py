from __future__ import annotations

import pytest

from backstory.stores.sqlite.pace import LONGEST_BREAK, SHORTEST_BREAK, Pace


class _Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_disk_is_trusted_until_it_is_slow_and_again_after_a_break() -> None:
    """One slow answer sends the following work away, not all work for ever."""
    clock = _Clock()
    pace = Pace(0.002, clock)
    found = [pace.quick]
    for seconds in (0.001, 0.010):
        pace.took(seconds)
        found.append(pace.quick)
    clock.now += SHORTEST_BREAK
    assert [*found, pace.quick] == [True, True, False, True]


def test_breaks_grow_while_the_disk_stays_slow_and_end_somewhere() -> None:
    """A disk that is always slow holds the event loop up once a minute at most."""
    clock = _Clock()
    pace = Pace(0.002, clock)
    breaks = []
    for _ in range(20):
        pace.took(0.5)
        began = clock.now
        while not pace.quick:
            clock.now += 0.05
        breaks.append(clock.now - began)
    assert breaks == pytest.approx(sorted(breaks), abs=0.06)
    assert breaks[0] < 3 * SHORTEST_BREAK
    assert LONGEST_BREAK <= breaks[-1] < LONGEST_BREAK + 0.1


def test_a_disk_that_recovers_is_trusted_as_before() -> None:
    """What was slow last week costs nothing today."""
    clock = _Clock()
    pace = Pace(0.002, clock)
    for _ in range(10):
        pace.took(0.5)
        clock.now += LONGEST_BREAK
    for _ in range(10):
        pace.took(0.5)
        clock.now += LONGEST_BREAK
        pace.took(0.001)
        assert pace.quick
    pace.took(0.001)
    pace.took(0.5)
    clock.now += LONGEST_BREAK / 2
    assert pace.quick
