"""Partitions: which part of the streams a worker follows.

A stream belongs to one partition for good, so its events are applied in order whatever the others
do. The partition is a plain checksum of the name: the same in every process and every version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent

MAX_PARTITIONS: Final = 1_024


class Partition(msgspec.Struct, frozen=True, order=True):
    """Part `number` of the `of` parts that the streams of projection `projection` fall into."""

    projection: str
    number: int = 0
    of: int = 1

    def __str__(self) -> str:
        """Return it as people write it: `users/3`."""
        return f"{self.projection}/{self.number}"

    def holds(self, stream: str) -> bool:
        """Say whether *stream* belongs to it."""
        return self.of == 1 or partition_of(stream, self.of) == self.number

    def only(self, events: Sequence[RecordedEvent]) -> Sequence[RecordedEvent]:
        """Return those of *events* that belong to it, undecoded and in their order."""
        if self.of == 1:
            return events
        number, of = self.number, self.of
        return [event for event in events if crc32(event.stream.encode()) % of == number]


def partition_of(stream: str, partitions: int) -> int:
    """Return the number of the partition, of so many, that *stream* belongs to."""
    return crc32(stream.encode()) % partitions


def partitions_of(projection: str, partitions: int) -> tuple[Partition, ...]:
    """Return all partitions of *projection*, in order."""
    return tuple(Partition(projection, number, partitions) for number in range(partitions))


def check_partitions(partitions: int) -> int:
    """Return the number of *partitions*; raises `InvalidInput` when it cannot be one."""
    if not 1 <= partitions <= MAX_PARTITIONS:
        message = f"there are 1 to {MAX_PARTITIONS:,} partitions, not {partitions}"
        raise InvalidInput(message)
    return partitions
