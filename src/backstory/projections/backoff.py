"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Waiting times in seconds that double from `first` up to `longest`.

    Each is shortened at random by up to a half, so that many who failed together do not come
    back together.
    """

    first: float = 0.05
    longest: float = 10.0
    randomly: Callable[[], float] = random.random

    def delay(self, attempt: int) -> float:
        """Return how long to wait after failure number *attempt*, counted from 1."""
        # Bounded before the power is taken: an outage of days must not overflow a float.
        doublings = min(attempt - 1, 60)
        whole = min(self.longest, self.first * 2.0**doublings)
        return whole * (1 - self.randomly() / 2)
