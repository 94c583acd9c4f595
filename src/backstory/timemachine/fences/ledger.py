"""The leaks of a replay: one for each place, with a count."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from backstory.core.events import RecordedEvent
from backstory.timemachine.fences.leak import Kind, Leak
from backstory.timemachine.fences.places import Place


class _Spot(NamedTuple):
    what: str
    kind: Kind
    file: str
    line: int


class Ledger:
    """Counts leaks; any thread may add to it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._leaks: dict[_Spot, Leak] = {}

    def add(self, place: Place, kind: Kind, recorded: RecordedEvent) -> None:
        """Note that the code at *place* asked for *kind* while it worked on *recorded*."""
        spot = _Spot(place.what, kind, place.file, place.line)
        with self._lock:
            leak = self._leaks.get(spot)
            if leak is None:
                leak = _first_seen(place, kind, recorded)
            self._leaks[spot] = msgspec.structs.replace(leak, times=leak.times + 1)

    @property
    def leaks(self) -> Sequence[Leak]:
        """Return all leaks, in the order in which their places were first seen."""
        with self._lock:
            return tuple(self._leaks.values())


def _first_seen(place: Place, kind: Kind, recorded: RecordedEvent) -> Leak:
    return Leak(
        what=place.what,
        kind=kind,
        file=place.file,
        line=place.line,
        function=place.function,
        event_type=recorded.type,
        position=recorded.position,
        times=0,
    )
