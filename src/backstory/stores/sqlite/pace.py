"""Whether the disk is quick enough for the event loop to wait for it.

Handing work to a thread and back costs about 0.1 ms. A commit on a good disk takes twice that, and
a read of what is in memory less; so while they are quick the event loop does them itself. One that
took long sends those that follow to a thread for a while, and for a longer while each time the disk
is found to be slow still. docs/decisions/0001 has the measurements.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

SHORTEST_BREAK: Final = 0.05
LONGEST_BREAK: Final = 60.0
"""Seconds before the event loop tries again: doubled while the disk is slow, halved when not."""


class Pace:
    """Remembers how long the event loop waited for the disk, and says whether it may do so now."""

    def __init__(self, slow: float, clock: Callable[[], float] = monotonic) -> None:
        """Begin with trust; more than *slow* seconds are too many for an event loop.

        *clock* counts seconds and never runs backwards.
        """
        self._slow = slow
        self._clock = clock
        self._break = SHORTEST_BREAK
        self._resumes: float | None = None

    @property
    def quick(self) -> bool:
        """Say whether the event loop may wait for the disk now."""
        return self._resumes is None or self._clock() >= self._resumes

    def took(self, seconds: float) -> None:
        """Take notice of how long the event loop waited."""
        if seconds > self._slow:
            self._resumes = self._clock() + self._break
            self._break = min(self._break * 2, LONGEST_BREAK)
        elif self._resumes is not None:
            self._resumes = None
            self._break = max(self._break / 4, SHORTEST_BREAK)
