"""Event ids: UUID version 7, ordered by time (RFC 9562, section 5.7).

Ids made in one process never repeat and never go down, even when the clock stands still or runs
backwards: the 12 bits after the millisecond count on, and borrow from the next millisecond when
they are used up (RFC 9562, section 6.2, method 1).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from struct import unpack
from uuid import UUID, SafeUUID

from backstory.core.clock import unix_milliseconds

IdSource = Callable[[], UUID]
"""Answers a new id each time it is called."""

_COUNTER_BITS = 12
_COUNTER_MASK = (1 << _COUNTER_BITS) - 1
_RANDOM_BITS = 62
_VERSION = 0x7 << 76
_VARIANT = 0b10 << _RANDOM_BITS
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
_REFILL = 256
_UNKNOWN_SAFETY = SafeUUID.unknown


def _uuid(number: int) -> UUID:
    # What UUID(int=…) does after checking a number that is known to be right; half its time.
    made = UUID.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN_SAFETY)
    return made


class _Uuid7Source:
    """Makes UUIDv7s; the lock keeps ids unique and rising across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._random: list[int] = []

    def __call__(self) -> UUID:
        with self._lock:
            # Millisecond and counter side by side: adding one borrows from the next millisecond.
            tick = unix_milliseconds() << _COUNTER_BITS
            if tick <= self._last:
                tick = self._last + 1
            self._last = tick
            if not self._random:
                # One system call serves many ids.
                self._random.extend(unpack(f"{_REFILL}Q", os.urandom(8 * _REFILL)))
            random = self._random.pop() & _RANDOM_MASK
        high = (tick >> _COUNTER_BITS) << 80 | (tick & _COUNTER_MASK) << 64
        return _uuid(high | _VERSION | _VARIANT | random)

    def forget(self) -> None:
        """Throw the random numbers in stock away: a fork must not hand them out twice."""
        self._lock = threading.Lock()
        self._random = []


_source = _Uuid7Source()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_source.forget)


def uuid7() -> UUID:
    """Return a new UUIDv7: unique, and greater than every one made before it in this process."""
    return _source()
