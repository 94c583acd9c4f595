"""The clock behind the fences: it stands still at the time the event was recorded.

`datetime.now` and `time.time` are functions of C; time-machine lets a traveller answer for them,
whoever holds them. Ours travels only in a thread that is behind the fences.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Final

import time_machine

from backstory.timemachine.fences.crossing import Crossing, here
from backstory.timemachine.fences.leak import Kind

_NANOSECONDS: Final = 1_000
_LAST_TIMESTAMPS: Final = tuple(name for name in vars(uuid) if name.startswith("_last_timestamp"))


class _EventTime(time_machine.Traveller):
    """Answers for every clock of Python's that shows what time it is."""

    def __init__(self, beneath: Callable[[], int]) -> None:
        """Ask *beneath* in threads that are behind no fence."""
        super().__init__(0, None, tick=False)
        self._beneath = beneath

    def time_ns(self) -> int:
        """Return the present time in nanoseconds since 1970."""
        crossing = here.crossing
        if crossing is None or not crossing.leaks(Kind.CLOCK):
            return self._beneath()
        return _moment(crossing)


def _moment(crossing: Crossing) -> int:
    if not crossing.knows_time:
        crossing.knows_time = True
        # `uuid` never goes back to before the last id it made, for whichever event that was.
        for name in _LAST_TIMESTAMPS:
            setattr(uuid, name, None)
    return crossing.recorded.recorded_us * _NANOSECONDS


def shown_times() -> Mapping[object, object]:
    """Return the functions that show the present time on a clock of their own, each fenced."""
    named = {name: getattr(time, name) for name in ("asctime", "ctime")}
    return {original: _fenced(name, original) for name, original in named.items()}


def _fenced(name: str, original: Callable[..., str]) -> Callable[..., str]:
    show = time.asctime

    @wraps(original)
    def text(moment: object = None, /) -> str:
        crossing = here.crossing
        if moment is not None:
            return original(moment)
        if crossing is None or not crossing.leaks(Kind.CLOCK, f"time.{name}()"):
            return original()
        return show(crossing.recorded.recorded_at.astimezone().timetuple())

    return text


@contextmanager
def event_time() -> Iterator[None]:
    """Let the event's clock answer in threads behind the fences, in the whole process."""
    real = time_machine.escape_hatch.time
    beneath = [*time_machine.traveller_stack[-1:]]  # a test that travels already
    travel = time_machine.travel(0, tick=False)
    travel.start()
    answers = beneath[0].time_ns if beneath else real.time_ns
    time_machine.traveller_stack[-1] = _EventTime(answers)
    try:
        yield
    finally:
        travel.stop()
