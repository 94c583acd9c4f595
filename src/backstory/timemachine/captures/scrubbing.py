"""What a capture needs of whoever treats personal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backstory.core.events import RecordedEvent


class Scrubbing(Protocol):
    """Treats events, names of streams and texts, so that equal stays equal."""

    @property
    def policy(self) -> str:
        """Return the hash of the policy."""
        ...

    @property
    def key(self) -> str:
        """Return a short hash of the key."""
        ...

    def event(self, recorded: RecordedEvent) -> RecordedEvent:
        """Return *recorded* without what the policy does not keep."""
        ...

    def stream(self, name: str) -> str:
        """Return the name that the stream gets."""
        ...

    def text(self, text: str) -> str:
        """Return *text* without the values that were treated."""
        ...

    def value(self, value: object) -> object:
        """Return what a text that was found elsewhere becomes: the same as in an event."""
        ...

    def leaks(self, document: bytes) -> Sequence[str]:
        """Return some of the values that were treated and yet stand in *document*."""
        ...
