"""What connects events: ids of correlation and causation in their metadata."""

from __future__ import annotations

from backstory.core import encoding
from backstory.core.errors import InvalidEvent
from backstory.core.events import CAUSATION, CORRELATION, RecordedEvent


def correlation_of(event: RecordedEvent) -> str | None:
    """Return the correlation id of *event*, None without one."""
    return _named(event, CORRELATION)


def causation_of(event: RecordedEvent) -> str | None:
    """Return the id of what caused *event*, None without one."""
    return _named(event, CAUSATION)


def named_by(event: RecordedEvent) -> set[str]:
    """Return the ids that the metadata of *event* name: its correlation and its cause."""
    return {name for key in (CORRELATION, CAUSATION) if (name := _named(event, key)) is not None}


def written_plainly(word: str) -> bool:
    """Say whether JSON holds *word* as it is, where it escapes nothing that it need not."""
    return word.isascii() and encoding.encode(word) == f'"{word}"'.encode()


def _named(event: RecordedEvent, key: str) -> str | None:
    try:
        found = event.meta().get(key)
    except InvalidEvent:
        return None
    return found if isinstance(found, str) else None
