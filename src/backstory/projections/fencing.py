"""What may stand around each call of a handler."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from backstory.core.events import RecordedEvent


class Fence(Protocol):
    """Keeps the world away while a user's code works on one recorded event."""

    def around(self, recorded: RecordedEvent) -> AbstractContextManager[None]:
        """Return what stands around the decoding and handling of *recorded*, in its thread."""
        ...
