"""The hash of a range of events: equal ranges have equal hashes, wherever they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from backstory.core.events import RecordedEvent

_encoder = msgspec.msgpack.Encoder()


class RangeHash:
    """SHA-256 over recorded events in their order.

    Each event counts as the MessagePack array of its position, stream, revision, type, data,
    metadata, id (16 bytes) and `recorded_us`; data and metadata are the stored bytes.
    """

    def __init__(self) -> None:
        """Begin with no event."""
        self._sha256 = hashlib.sha256()
        self._count = 0

    def add(self, events: Sequence[RecordedEvent]) -> None:
        """Take *events* in, which stand behind all before."""
        encode = _encoder.encode
        self._sha256.update(
            b"".join(
                [
                    encode(
                        (
                            event.position,
                            event.stream,
                            event.revision,
                            event.type,
                            event.data,
                            event.metadata,
                            event.id_bytes,
                            event.recorded_us,
                        )
                    )
                    for event in events
                ]
            )
        )
        self._count += len(events)

    @property
    def count(self) -> int:
        """Return how many events were taken in."""
        return self._count

    @property
    def hexadecimal(self) -> str:
        """Return the hash."""
        return self._sha256.hexdigest()
