"""Ids behind the fences: those that are made for an event are the same at every replay."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from uuid import UUID

from backstory.core import ids
from backstory.core.events import RecordedEvent
from backstory.timemachine.fences.crossing import here
from backstory.timemachine.fences.leak import Kind
from backstory.timemachine.fences.swapping import swapped

_SINCE_1582: Final = 0x01B2_1DD2_1381_4000
"""What uuid1 counts, tenths of a microsecond, from the first day of our calendar to 1970."""


# Taken now: time-machine hides it while it travels. None where a system has nothing of the kind.
_make_of_time: Final = vars(uuid).get("_generate_time_safe")


@contextmanager
def event_ids() -> Iterator[None]:
    """Let ids be made of the event in threads behind the fences, in the whole process."""
    with ExitStack() as stack:
        if _make_of_time is not None:
            fenced = _fenced_time(_make_of_time)
            stack.enter_context(swapped(uuid, "_generate_time_safe", fenced))
        source = _fenced_source(vars(ids)["_source"])
        stack.enter_context(swapped(ids, "_source", source))
        yield


def _fenced_time(
    original: Callable[[], tuple[bytes, int | None]],
) -> Callable[[], tuple[bytes, int | None]]:
    """Return what `uuid1` makes an id of: time, clock and machine."""

    def fenced() -> tuple[bytes, int | None]:
        crossing = here.crossing
        if crossing is None or not crossing.leaks(Kind.ID, "uuid.uuid1()"):
            return original()
        return _uuid1(crossing.recorded, crossing.draw).bytes, None

    return fenced


def _fenced_source(original: Callable[[], UUID]) -> Callable[[], UUID]:
    """Return what `backstory.uuid7` makes an id with."""

    def fenced() -> UUID:
        crossing = here.crossing
        if crossing is None or not crossing.leaks(Kind.ID, "backstory.uuid7()"):
            return original()
        return _uuid7(crossing.recorded, crossing.draw)

    return fenced


def _uuid1(recorded: RecordedEvent, draw: Callable[[int], int]) -> UUID:
    time = recorded.recorded_us * 10 + _SINCE_1582
    low, middle, high = time & 0xFFFF_FFFF, time >> 32 & 0xFFFF, time >> 48 & 0x0FFF
    return UUID(fields=(low, middle, high, draw(6), draw(8), draw(48)), version=1)


def _uuid7(recorded: RecordedEvent, draw: Callable[[int], int]) -> UUID:
    upper = recorded.recorded_us // 1_000 << 16 | 0x7000 | draw(12)
    return UUID(int=upper << 64 | 0b10 << 62 | draw(62))
