"""How far a group has come: the last key behind which nothing is unfinished."""

from __future__ import annotations

import heapq


class Progress:
    """Keys that are begun in order and finished in any order."""

    def __init__(self, start: int) -> None:
        """Begin behind *start*."""
        self._reached = start
        self._last = start
        self._open: list[int] = []
        self._finished: set[int] = set()

    @property
    def reached(self) -> int:
        """Return the largest key up to which everything that was begun is finished."""
        return self._reached

    @property
    def last(self) -> int:
        """Return the last key that was begun or passed over."""
        return self._last

    def begin(self, key: int) -> None:
        """Take *key*, larger than any before, as begun."""
        heapq.heappush(self._open, key)
        self._last = key

    def pass_over(self, key: int) -> None:
        """Take *key* as nothing to be done."""
        self._last = key
        self._advance()

    def finish(self, key: int) -> None:
        """Take *key* as done."""
        self._finished.add(key)
        self._advance()

    def _advance(self) -> None:
        while self._open and self._open[0] in self._finished:
            self._finished.discard(heapq.heappop(self._open))
        self._reached = self._open[0] - 1 if self._open else self._last
