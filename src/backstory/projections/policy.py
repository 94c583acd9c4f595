"""What happens when an event cannot be applied, or the read model cannot be reached."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from backstory.core.errors import InvalidInput
from backstory.projections.backoff import Backoff


class Stop(msgspec.Struct, frozen=True):
    """Stop before the event: the worker raises `HandlerFailed`, everything before is applied."""


class Park(msgspec.Struct, frozen=True):
    """Set the event aside with its error and go on.

    The event's row in `backstory_parked` is written in the transaction that moves the checkpoint
    past it. Later events of the same stream are parked behind it, so that no stream is ever
    applied out of order; other streams go on. `ParkedEvents` lists, retries and purges them.
    """


OnFailure: TypeAlias = Stop | Park


class Retry(msgspec.Struct, frozen=True):
    """How often, and after how many seconds, a read model that cannot be reached is tried again.

    The delay doubles from `first_delay` to `max_delay`. After `attempts` tries in a row the worker
    raises `ReadModelUnavailable`. A failing handler is never retried: it would fail again.
    """

    attempts: int = 10
    first_delay: float = 0.05
    max_delay: float = 10.0

    def __post_init__(self) -> None:
        """Refuse a policy that could never try."""
        if self.attempts < 1 or self.first_delay < 0 or self.max_delay < 0:
            message = "a retry makes at least one attempt and waits no negative time"
            raise InvalidInput(message)

    @property
    def backoff(self) -> Backoff:
        """Return the waiting times."""
        return Backoff(first=self.first_delay, longest=self.max_delay)
