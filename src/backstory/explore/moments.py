"""Times as positions."""

from __future__ import annotations

from datetime import datetime

from backstory.core.clock import to_microseconds
from backstory.core.read import Read
from backstory.core.store import EventStore


async def position_at(store: EventStore, time: datetime) -> int:
    """Return the position of the last event recorded at or before *time*, 0 without one.

    Found in about 20 reads of one event in a log of a million, because `recorded_at` never
    decreases.
    """
    time_us = to_microseconds(time)
    # All up to `low` was recorded by then, all from `high` on later. Positions need not be dense.
    low, high = 0, await store.head() + 1
    while high - low > 1:
        middle = (low + high) // 2
        page = await store.read(Read(after=middle - 1, before=high, limit=1))
        if not page or page[0].recorded_us > time_us:
            high = middle
        else:
            low = page[0].position
    return low
