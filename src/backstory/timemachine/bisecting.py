"""Bisecting: the event after which a check fails first, and every other change of it.

A check is anything that can be asked at a position. First it is asked at places spread over the
whole history, which shows whether it changes once or several times; then each change is searched
for by halves. What changes and changes back between two of those places is not seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec

from backstory.core.errors import CheckNeverFails

SAMPLES: Final = 32
_FAR: Final = 16
"""How far from the middle an answer is looked for where the check cannot tell."""


class Verdict(Enum):
    """What asking a check came to."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "cannot tell"


Ask: TypeAlias = Callable[[int], Awaitable[Verdict]]
"""Answers how a check stands once everything up to a position has happened."""


class Flip(msgspec.Struct, frozen=True):
    """A change: `before` at the position before, `after` from `position` on.

    Where the check could not tell in between, the guilty event is one of those behind `since` and
    up to `position`; else `since` is the position before.
    """

    position: int
    since: int
    before: Verdict
    after: Verdict


class Bisected(msgspec.Struct, frozen=True):
    """What bisecting found: the first failure, every change that was seen, and each answer asked.

    With more than one of `flips` the check does not simply break once: look at each.
    """

    first: Flip
    flips: Sequence[Flip]
    asked: Sequence[tuple[int, Verdict]]


Heard: TypeAlias = Callable[[int, Verdict], None]


async def bisect(
    ask: Ask, good: int, bad: int, *, samples: int = SAMPLES, heard: Heard | None = None
) -> Bisected:
    """Return after which event behind position *good*, up to *bad*, the check fails first.

    Asks at *samples* places in order, then about log2((bad - good) / samples) times for each
    change. Raises `CheckNeverFails` when it fails at no place asked, or nowhere after it held.
    """
    search = _Search(ask, heard)
    places = sorted({good + (bad - good) * step // samples for step in range(samples + 1)})
    known = [(place, await search.ask(place)) for place in places]
    told = [(place, verdict) for place, verdict in known if verdict is not Verdict.UNKNOWN]
    flips = [await search.flip(low, high) for low, high in pairwise(told) if low[1] is not high[1]]
    first = next((flip for flip in flips if flip.after is Verdict.FAILS), None)
    if first is None:
        raise CheckNeverFails(
            good=good, bad=bad, fails=any(verdict is Verdict.FAILS for _, verdict in told)
        )
    return Bisected(first, tuple(flips), tuple(sorted(search.asked.items())))


class _Search:
    def __init__(self, ask: Ask, heard: Heard | None) -> None:
        self._ask = ask
        self._heard = heard
        self.asked: dict[int, Verdict] = {}

    async def ask(self, position: int) -> Verdict:
        if position not in self.asked:
            self.asked[position] = await self._ask(position)
            if self._heard is not None:
                self._heard(position, self.asked[position])
        return self.asked[position]

    async def flip(self, low: tuple[int, Verdict], high: tuple[int, Verdict]) -> Flip:
        (since, before), (position, after) = low, high
        while position - since > 1:
            middle = await self._telling(since, position)
            if middle is None:
                break
            place, verdict = middle
            if verdict is before:
                since = place
            else:
                position = place
        return Flip(position, since, before, after)

    async def _telling(self, since: int, position: int) -> tuple[int, Verdict] | None:
        """Return an answer from between, from as near to the middle as one is to be had."""
        middle = (since + position) // 2
        for distance in range(min(position - since, _FAR)):
            for place in sorted({middle + distance, middle - distance}):
                if since < place < position:
                    verdict = await self.ask(place)
                    if verdict is not Verdict.UNKNOWN:
                        return place, verdict
        return None
