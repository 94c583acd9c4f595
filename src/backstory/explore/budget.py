"""A time budget: a page that somebody waits for answers in part rather than late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

DEFAULT_SECONDS: Final = 0.05
"""What a page may spend on looking; rendering it comes on top."""


class Budget:
    """Time for looking, counted from when the budget was made.

    A function that is given one always takes at least one step, so whoever asks again from where
    it stopped gets on. What was not looked at is told, never guessed.
    """

    def __init__(
        self, seconds: float = DEFAULT_SECONDS, *, timer: Callable[[], float] = time.monotonic
    ) -> None:
        """Allow *seconds* from now on, by *timer*."""
        self._timer = timer
        self._end = timer() + seconds

    @property
    def over(self) -> bool:
        """Return whether the time is used up."""
        return self._timer() >= self._end
