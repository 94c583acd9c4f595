"""Warning of trouble that lasts without filling the log with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

PAUSE: Final = 60.0
"""Seconds between two warnings of the same trouble."""


class Alarm:
    """Warns of one kind of trouble when it begins, and once a minute while it lasts.

    The fields of a line are those of its latest occurrence; `times` counts those since the line
    before.
    """

    def __init__(
        self, log: logging.Logger, message: str, *, clock: Callable[[], float] = monotonic
    ) -> None:
        """Warn with *message* on *log*; *clock* counts seconds and never runs backwards."""
        self._log = log
        self._message = message
        self._clock = clock
        self._quiet_until: float | None = None
        self._times = 0

    def ring(self, **fields: object) -> None:
        """Take notice of the trouble, and warn when it is new or a minute has passed."""
        now = self._clock()
        self._times += 1
        if self._quiet_until is None or now >= self._quiet_until:
            self._log.warning(self._message, extra={**fields, "times": self._times})
            self._quiet_until = now + PAUSE
            self._times = 0

    def settle(self, message: str, **fields: object) -> None:
        """Say, once, that the trouble is over; nothing when there was none."""
        if self._quiet_until is not None:
            self._quiet_until, self._times = None, 0
            self._log.info(message, extra=fields)
