"""A bar for what turns out to take long; what is done at once shows none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from backstory.cli.progress import Bar, progress

_LONG: Final = 0.3


class Waiting:
    """Is told how far replays and runs have come, and shows it while somebody waits for them."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._stack: ExitStack | None = None
        self._bar: Bar | None = None
        self._what, self._total, self._began = "", 0, 0.0

    @contextmanager
    def over(self, what: str, total: int) -> Iterator[None]:
        """Inside the block somebody waits for *what*, which ends at position *total* at most."""
        self._what, self._total, self._began = what, total, time.monotonic()
        with ExitStack() as stack:
            self._stack = stack
            try:
                yield
            finally:
                self._stack = self._bar = None

    def tell(self, _projection: str, position: int) -> None:
        """Show how far a replay has come."""
        self.reach(position)

    def reach(self, position: int) -> None:
        """Show which position is reached."""
        if self._stack is None:
            return
        if self._bar is None:
            if time.monotonic() - self._began < _LONG:
                return
            self._bar = self._stack.enter_context(progress(self._what, total=self._total))
        self._bar.reach(position)
