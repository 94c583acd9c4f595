"""What the data sets hold: streams by number and length, the same for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.job import Scale

LONG: Final = (0, 10_000)
"""The stream that W4 reads: its number and its length."""

_OF_1000: Final = range(1, 11)
_OF_100: Final = range(11, 111)
_PER_STREAM: Final = 10


def streams() -> Iterator[tuple[int, int]]:
    """Yield one stream of 10,000, ten of 1,000 and a hundred of 100 events."""
    yield LONG
    yield from ((number, 1_000) for number in _OF_1000)
    yield from ((number, 100) for number in _OF_100)


def of_length(length: int) -> list[int]:
    """Return the numbers of the streams of *length* in `streams`."""
    return list({1_000: _OF_1000, 100: _OF_100}[length])


def log(scale: Scale) -> Iterator[tuple[int, int]]:
    """Yield the streams of the log to replay, ten events each."""
    return ((number, _PER_STREAM) for number in range(scale.replayed // _PER_STREAM))


def users(count: int) -> Iterator[tuple[int, int]]:
    """Yield *count* streams of one event each."""
    return ((number, 1) for number in range(count))
