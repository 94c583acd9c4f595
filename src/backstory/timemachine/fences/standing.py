"""The parts of the fences that stand in the whole process: put up by the first who needs them."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Final

from backstory.timemachine.fences.auditing import watch
from backstory.timemachine.fences.chance import drawing_functions, event_chance
from backstory.timemachine.fences.clock import event_time, shown_times
from backstory.timemachine.fences.identity import event_ids
from backstory.timemachine.fences.swapping import swapped_everywhere


class _Standing:
    """Counts who needs the fences; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._needed = 0
        self._parts = ExitStack()

    def put_up(self) -> None:
        """Put the fences up unless they stand already."""
        with self._lock:
            if self._needed == 0:
                watch()
                with ExitStack() as parts:
                    stand_ins = {**shown_times(), **drawing_functions()}
                    parts.enter_context(swapped_everywhere(stand_ins))
                    for part in (event_time, event_chance, event_ids):
                        parts.enter_context(part())
                    self._parts = parts.pop_all()
            self._needed += 1

    def take_down(self) -> None:
        """Take them down when nobody else needs them."""
        with self._lock:
            self._needed -= 1
            if self._needed == 0:
                self._parts.close()


standing: Final = _Standing()
