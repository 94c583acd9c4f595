"""Counting under a bound: as many names as asked for, and the rest as one number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec


class NameCount(msgspec.Struct, frozen=True):
    """How often one name was met."""

    name: str
    events: int


class Counts(msgspec.Struct, frozen=True):
    """What was counted: `named`, most frequent first, and all `others` in one number."""

    named: tuple[NameCount, ...]
    others: int


class NameCounter:
    """Counts names and remembers the first *most* of them, so memory stays bounded."""

    def __init__(self, most: int) -> None:
        """Remember at most *most* names; later ones are counted together."""
        self._most = most
        self._known: Counter[str] = Counter()
        self._others = 0

    def add(self, names: Iterable[str]) -> None:
        """Count every one of *names*."""
        self._merge(Counter(names))

    def _merge(self, new: Mapping[str, int]) -> None:
        for name, times in new.items():
            if name in self._known or len(self._known) < self._most:
                self._known[name] += times
            else:
                self._others += times

    def counts(self) -> Counts:
        """Return what was counted so far; equally frequent names in alphabetical order."""
        ordered = sorted(self._known.items(), key=lambda item: (-item[1], item[0]))
        return Counts(tuple(NameCount(name, times) for name, times in ordered), self._others)
