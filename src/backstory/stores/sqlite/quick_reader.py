"""Reading on the event loop, as long as that takes next to no time.

A page that is in memory is read in less time than a thread needs to be woken. A read that turns out
to take longer (a cold disk, a filter that finds little, large events) is broken off and left to a
thread.
"""

from __future__ import annotations

import asyncio
import math
from time import perf_counter
from typing import Final

import apsw

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.stores.sqlite.pace import Pace
from backstory.stores.sqlite.queries import read_page

PATIENCE: Final = 0.005
"""Seconds after which a read is broken off; one of a thousand small events takes one or two."""

MOST: Final = 1_000
"""Most events in one read on the loop."""

FAIR: Final = 0.001
"""Seconds of reading after which other tasks get their turn."""

_STEPS: Final = 2_000
"""Instructions of SQLite's machine between two looks at the clock: about a hundred rows."""


class QuickReader:
    """Answers reads in the calling thread, or says that they are not for it."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Read over *connection*, which nothing else may use."""
        self._connection = connection
        self._pace = Pace(slow=PATIENCE)
        self._deadline = math.inf
        self._spent = 0.0
        self._turn_is_watched = False
        # Whoever holds a lock is waited for in a thread.
        connection.set_busy_timeout(0)
        connection.set_progress_handler(self._is_late, _STEPS)

    def read(self, query: Read) -> list[RecordedEvent] | None:
        """Return the page of *query*, None when a thread must be asked for it."""
        if query.limit > MOST or not self._pace.quick:
            return None
        began = perf_counter()
        self._deadline = began + PATIENCE
        try:
            return read_page(self._connection, query)
        except apsw.Error:  # broken off, or an error that the thread will meet and report
            return None
        finally:
            self._deadline = math.inf
            self._took(perf_counter() - began)

    async def give_way(self) -> None:
        """Let other tasks run when this turn of the event loop has seen much reading.

        A task that reads page after page would never let go of the loop otherwise.
        """
        if self._spent > FAIR:
            await asyncio.sleep(0)

    def _took(self, seconds: float) -> None:
        self._pace.took(seconds)
        self._spent += seconds
        if not self._turn_is_watched:
            self._turn_is_watched = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._spent = 0.0
        self._turn_is_watched = False

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _is_late(self) -> bool:
        return perf_counter() > self._deadline
