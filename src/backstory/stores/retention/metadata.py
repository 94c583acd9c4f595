"""What the metadata of a stream say, and under which names: those of EventStoreDB."""

from __future__ import annotations

from typing import Final

import msgspec

from backstory.core import encoding
from backstory.core.errors import InvalidEvent
from backstory.core.events import NewEvent

METADATA: Final = "$metadata"
"""The type of an event that holds the metadata of a stream."""

METASTREAM: Final = "$$"
"""What the name of the stream of metadata begins with; the name of the stream follows."""

DELETED: Final = 2**63 - 1
"""The `$tb` of a stream that was soft-deleted."""

MAX_COUNT: Final = "$maxCount"
MAX_AGE: Final = "$maxAge"
TRUNCATE_BEFORE: Final = "$tb"


class StreamMetadata(msgspec.Struct, frozen=True):
    """The retention that a stream's metadata ask for.

    `max_count` in events, `max_age` in seconds, `truncate_before` a revision; None: not limited.
    `keys` are all keys of the metadata, these included.
    """

    max_count: int | None = None
    max_age: int | None = None
    truncate_before: int | None = None
    keys: dict[str, object] = msgspec.field(default_factory=dict)


NO_LIMITS: Final = StreamMetadata()


def is_metastream(stream: str) -> bool:
    """Return whether *stream* holds the metadata of another."""
    return stream.startswith(METASTREAM)


def metastream_of(stream: str) -> str:
    """Return the stream that holds the metadata of *stream*."""
    return METASTREAM + stream


def parse(data: bytes) -> StreamMetadata:
    """Return what the *data* of a `$metadata` event say.

    Data that are no JSON object say nothing, and a limit that is no number from 0 up is none: so
    does EventStoreDB, which takes whatever clients write.
    """
    try:
        keys = encoding.decode_object(data)
    except InvalidEvent:
        return NO_LIMITS
    return StreamMetadata(
        max_count=_limit(keys, MAX_COUNT, least=1),
        max_age=_limit(keys, MAX_AGE, least=1),
        truncate_before=_limit(keys, TRUNCATE_BEFORE, least=0),
        keys=keys,
    )


def _limit(keys: dict[str, object], name: str, *, least: int) -> int | None:
    value = keys.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least <= value <= DELETED else None


def metadata_event(keys: dict[str, object]) -> NewEvent:
    """Return the event that gives a stream the metadata *keys*."""
    return NewEvent.of(METADATA, keys)
