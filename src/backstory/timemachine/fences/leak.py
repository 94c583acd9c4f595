"""A leak: a place in a user's code that asked the world for something, while it was replayed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Kind(StrEnum):
    """What was asked for: the time, chance, an id, the network, a process, or a file."""

    CLOCK = "clock"
    RANDOM = "random"
    ID = "id"
    NETWORK = "network"
    PROCESS = "process"
    FILE = "file"


REFUSED: Final = frozenset({Kind.NETWORK, Kind.PROCESS})
"""What a replay does not do at all; everything else is answered."""


class Leak(msgspec.Struct, frozen=True):
    """One place that made what it writes depend on more than events.

    `what` names the call, `file`, `line` and `function` the user's code that made it. It was seen
    `times` times, and first for the event of `event_type` at `position`.
    """

    what: str
    kind: Kind
    file: str
    line: int
    function: str
    event_type: str
    position: int
    times: int
