"""What stores and workers tell of their inside to whoever listens; nobody does unless asked to.

A listener is called where the thing happens, often in a thread, and holds it up: it must be quick,
and it must not raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from backstory.core.events import RecordedEvent


class Commit(msgspec.Struct, frozen=True):
    """A transaction that a store wrote: how many appends shared it, and how long it took."""

    appends: int
    seconds: float


class Applying(msgspec.Struct, frozen=True):
    """A batch that a projection is about to apply; afterwards it has covered `position`."""

    projection: str
    partition: int
    events: Sequence[RecordedEvent]
    position: int


OnCommit: TypeAlias = Callable[[Commit], None]
"""Hears of a transaction once it is written."""

AroundBatch: TypeAlias = Callable[[Applying], AbstractContextManager[None]]
"""Gives what stands around a batch while it is applied, in the thread that does it."""


@runtime_checkable
class Committing(Protocol):
    """A store that can tell of its transactions."""

    def on_commit(self, hear: OnCommit) -> None:
        """Call *hear* for every transaction from now on."""
        ...
