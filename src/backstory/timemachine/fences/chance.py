"""Chance behind the fences: what is drawn for an event is the same at every replay.

A generator that the user's code gave a seed while it worked on the event is its own business; all
others depend on what was drawn before, or on nothing at all.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from random import Random
from types import MethodType
from typing import Final

from backstory.timemachine.fences.crossing import Crossing, here
from backstory.timemachine.fences.leak import Kind
from backstory.timemachine.fences.swapping import swapped

_draw: Final = Random.random
_draw_bits: Final = Random.getrandbits
_seed: Final = Random.seed
_gauss: Final = Random.gauss

_BITS: Final = 8
_SEED_BITS: Final = 64


@contextmanager
def event_chance() -> Iterator[None]:
    """Let the event's chance answer in threads behind the fences, in the whole process."""
    with ExitStack() as stack:
        for name, fenced in _METHODS.items():
            stack.enter_context(swapped(Random, name, fenced))
        yield


def drawing_functions() -> Mapping[object, object]:
    """Return the functions that modules hold and that our methods do not reach, each fenced."""
    functions = {name: getattr(random, name) for name in _METHODS}
    found: dict[object, object] = {
        function: MethodType(_METHODS[name], function.__self__)
        for name, function in functions.items()
    }
    for name in ("urandom", "getrandom"):
        original = getattr(os, name, None)  # only Linux has the second one
        if original is not None:
            found[original] = _fenced_bytes(name, original)
    return found


def _fenced_bytes(name: str, original: Callable[..., bytes]) -> Callable[..., bytes]:
    @wraps(original)
    def fenced(size: int, *flags: int) -> bytes:
        crossing = here.crossing
        if crossing is None or not crossing.leaks(Kind.RANDOM, f"os.{name}()"):
            return original(size, *flags)
        return crossing.draw(size * _BITS).to_bytes(size, "little")

    return fenced


def _foreign(generator: Random) -> Crossing | None:
    """Return the crossing that has to answer for *generator*, None when it may for itself."""
    crossing = here.crossing
    if crossing is None or any(generator is own for own in crossing.seeded):
        return None
    return crossing


def _random(self: Random) -> float:
    crossing = _foreign(self)
    if crossing is None or not crossing.leaks(Kind.RANDOM, "random.random()"):
        return _draw(self)
    return crossing.draw_fraction()


def _getrandbits(self: Random, k: int, /) -> int:
    crossing = _foreign(self)
    if crossing is None or not crossing.leaks(Kind.RANDOM, "random.getrandbits()"):
        return _draw_bits(self, k)
    return crossing.draw(k)


def _seeding(
    self: Random, a: float | str | bytes | bytearray | None = None, version: int = 2
) -> None:
    crossing = here.crossing
    if crossing is not None and a is None and crossing.leaks(Kind.RANDOM, "random.seed()"):
        a = crossing.draw(_SEED_BITS)
    _seed(self, a, version)
    if crossing is not None:
        crossing.seeded = (*crossing.seeded, self)


def _gaussian(self: Random, mu: float = 0.0, sigma: float = 1.0) -> float:
    """Draw as the original does, but not what it has in stock: that is of another event."""
    if _foreign(self) is None:
        return _gauss(self, mu, sigma)
    stock = vars(self).get("gauss_next")
    vars(self)["gauss_next"] = None
    try:
        return _gauss(self, mu, sigma)
    finally:
        vars(self)["gauss_next"] = stock


_METHODS: Final[Mapping[str, Callable[..., object]]] = {
    "random": _random,
    "getrandbits": _getrandbits,
    "seed": _seeding,
    "gauss": _gaussian,
}
