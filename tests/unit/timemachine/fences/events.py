"""An event to work on behind the fences, and a place to find things out in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from backstory.core.clock import to_microseconds
from backstory.core.events import RecordedEvent
from backstory.timemachine.fences.fences import Fences

T = TypeVar("T")

RECORDED_AT = datetime(2023, 7, 14, 1, 47, 35, 70_123, tzinfo=UTC)
"""When every event here was recorded."""


def happened(position: int = 7, type_: str = "happened") -> RecordedEvent:
    """Return an event; its id is made of its *position*."""
    id_bytes = position.to_bytes(16)
    time = to_microseconds(RECORDED_AT)
    return RecordedEvent(position, "thing-1", 0, type_, b"{}", b"{}", id_bytes, time)


def behind(fences: Fences, work: Callable[[], T], position: int = 7) -> T:
    """Return what *work* gives behind *fences*, while the event at *position* is worked on."""
    with fences.around(happened(position)):
        return work()
