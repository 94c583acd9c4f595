"""A crossing: one thread that works on one event behind the fences."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from random import Random
from types import FrameType, TracebackType
from typing import Final

from backstory.core.errors import FenceCrossed
from backstory.core.events import RecordedEvent
from backstory.timemachine.fences.leak import REFUSED, Kind
from backstory.timemachine.fences.ledger import Ledger
from backstory.timemachine.fences.places import Place, place_of

# As they are while no fence stands.
_draw: Final = Random.random
_draw_bits: Final = Random.getrandbits


class _Here(threading.local):
    """What the present thread is behind."""

    crossing: Crossing | None = None


here: Final = _Here()
"""`here.crossing` is None in a thread that is behind no fence: it goes on unharmed."""


class Crossing:
    """Stands around the work on one event in the thread that enters it; may be nested.

    `knows_time` says that the work was told the time, and `seeded` which generators of random
    numbers it gave a seed.
    """

    __slots__ = ("_before", "_chance", "_last", "_ledger", "knows_time", "recorded", "seeded")

    def __init__(self, recorded: RecordedEvent, ledger: Ledger) -> None:
        """Answer as *recorded* asks for, and write leaks to *ledger*."""
        self.recorded: RecordedEvent = recorded
        self.knows_time: bool = False
        self.seeded: tuple[Random, ...] = ()
        self._ledger = ledger
        self._chance: Random | None = None
        self._before: Crossing | None = None
        self._last: FrameType | None = None

    def __enter__(self) -> None:
        """Go behind the fences."""
        self._last = sys._getframe(1)  # noqa: SLF001 - the one way to know who calls
        self._before = here.crossing
        here.crossing = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Come back to where we were before."""
        here.crossing = self._before
        self._before = self._last = None

    def draw(self, bits: int) -> int:
        """Return the next random number of the event, of so many *bits*."""
        return _draw_bits(self._generator, bits)

    def draw_fraction(self) -> float:
        """Return the next random number of the event, from 0 to less than 1."""
        return _draw(self._generator)

    @property
    def _generator(self) -> Random:
        if self._chance is None:
            here.crossing = None  # to make one is nobody's leak
            try:
                self._chance = Random(int.from_bytes(self.recorded.id_bytes))  # noqa: S311 - no secret
            finally:
                here.crossing = self
        return self._chance

    def leaks(
        self,
        kind: Kind,
        name: str | None = None,
        *,
        only: Callable[[Place], bool] | None = None,
    ) -> bool:
        """Report that the caller asks for *kind*, and say whether the event has to answer.

        It has not for what only looks on, such as a logger. *name* is the function that is asked,
        None to look in the source. A place that *only* is false of does not count. Raises
        `FenceCrossed` for what is refused.
        """
        here.crossing = None  # to find out where we are takes reading files
        try:
            place = place_of(sys._getframe(1), self._last, name)  # noqa: SLF001 - (as above)
        finally:
            here.crossing = self
        refused = kind in REFUSED
        if not refused and (place.only_looks_on or not (only is None or only(place))):
            return False
        self._ledger.add(place, _kind_at(place, kind), self.recorded)
        if refused:
            raise FenceCrossed(what=place.what, place=str(place))
        return True


def _kind_at(place: Place, kind: Kind) -> Kind:
    """Return the kind of what was made at *place*; an id is made of time and chance."""
    return Kind.ID if place.what.startswith("uuid.") else kind
