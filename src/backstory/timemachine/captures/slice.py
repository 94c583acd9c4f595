"""Which slices of a log there are to capture."""

from __future__ import annotations

from enum import Enum
from typing import Final

MOST_EVENTS: Final = 10_000_000
"""Events that a capture may hold unless told otherwise."""


class Slice(Enum):
    """Which events a capture holds."""

    ALL = "all"
    RECENT = "recent"
    RELATED = "related"
