"""What happens to the partitions of a process: taken, released, lost, failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

_log: Final = logging.getLogger("backstory.workers")
_LEVELS: Final = {"waiting": logging.WARNING, "lost": logging.WARNING, "failed": logging.ERROR}

What: TypeAlias = Literal["taken", "released", "lost", "waiting", "failed"]


class Change(msgspec.Struct, frozen=True):
    """What happened to a partition of a projection or reactor, and why where there is a reason.

    `taken` and `released` are ordinary. `lost`: another process has it now. `waiting`: it is tried
    again by itself. `failed`: it stands still until the process is started anew.
    """

    what: What
    projection: str
    partition: int
    reason: str | None = None


Hear: TypeAlias = Callable[[Change], None]
"""Is told of every change, in the event loop; it must be quick, and it must not raise."""


def log_change(change: Change) -> None:
    """Write *change* to the log `backstory.workers`."""
    _log.log(
        _LEVELS.get(change.what, logging.INFO),
        "partition %s/%d %s%s",
        change.projection,
        change.partition,
        change.what,
        f": {change.reason}" if change.reason else "",
    )
