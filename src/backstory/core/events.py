"""Events: facts on their way into a store, and facts as a store recorded them.

Payloads stay raw JSON bytes until someone needs them. `Schema.decode` makes typed values of them;
`RecordedEvent.json` and `RecordedEvent.meta` make plain ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from backstory.core import encoding
from backstory.core.clock import from_microseconds
from backstory.core.errors import EventTooLarge, InvalidEvent
from backstory.core.ids import uuid7
from backstory.core.names import MAX_EVENT_BYTES, category_of, check_event_type

NO_METADATA = b"{}"
CORRELATION = "$correlationId"
CAUSATION = "$causationId"
SCHEMA_VERSION = "$schemaVersion"

_MOST_CHECKED = 1_000
_checked_types: set[str] = set()
"""Type names found good before; an application has few and uses them all the time."""


class NewEvent(msgspec.Struct, frozen=True):
    """An event that is not stored yet.

    `data` is any JSON document and `metadata` a JSON object, both as bytes. Creating one raises
    `InvalidName`, `InvalidEvent` (not JSON, not a UUID) or `EventTooLarge`; no store has to.
    """

    type: str
    data: bytes
    metadata: bytes = NO_METADATA
    id: UUID = msgspec.field(default_factory=uuid7)

    def __post_init__(self) -> None:
        """Refuse what could not be read back."""
        _check_type(self.type)
        _check_json(self.data, "data", self.type)
        if self.metadata.__class__ is not bytes or self.metadata != NO_METADATA:
            _check_json(self.metadata, "metadata", self.type)
            if not self.metadata.lstrip().startswith(b"{"):
                message = "an event's metadata is a JSON object"
                raise InvalidEvent(message)
        _check_id_and_size(self)

    @classmethod
    def of(
        cls,
        type: str,  # noqa: A002 - our word for it
        data: object,
        *,
        metadata: Mapping[str, object] | None = None,
        id: UUID | None = None,  # noqa: A002 - our word for it
    ) -> NewEvent:
        """Return an event holding *data* as JSON.

        Raises as `NewEvent` does, and `InvalidEvent` for values that JSON cannot hold.
        """
        _check_type(type)
        raw = encoding.encode(metadata) if metadata else NO_METADATA
        return EncodedEvent(type, encoding.encode(data), raw, uuid7() if id is None else id)


class EncodedEvent(NewEvent, frozen=True):
    """A `NewEvent` of a checked type whose JSON was written by our own encoder a moment ago.

    Reading that JSON again to check it would cost more than all the rest of an append's
    preparation. Only `NewEvent.of` and `Schema.encode` make these.
    """

    def __post_init__(self) -> None:
        """Refuse what the encoder cannot know of."""
        _check_id_and_size(self)


class RecordedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as a store recorded it.

    Stores create these positionally, millions at a time, so the id and the time stay raw
    (`id_bytes`, `recorded_us`) until `id` and `recorded_at` are asked for.
    """

    position: int
    stream: str
    revision: int
    type: str
    data: bytes
    metadata: bytes
    id_bytes: bytes
    recorded_us: int

    @property
    def id(self) -> UUID:
        """Return the id the writer gave the event."""
        return UUID(bytes=self.id_bytes)

    @property
    def recorded_at(self) -> datetime:
        """Return the aware UTC time the store gave the event; it never falls as position grows."""
        return from_microseconds(self.recorded_us)

    @property
    def category(self) -> str:
        """Return the category of the event's stream."""
        return category_of(self.stream)

    @property
    def place(self) -> str:
        """Return where the event stands, in words for messages."""
        return f"{self.stream!r} revision {self.revision}, position {self.position}"

    def json(self) -> object:
        """Return the data as plain values; raises `InvalidEvent` when it is not JSON."""
        return encoding.decode(self.data)

    def meta(self) -> dict[str, object]:
        """Return the metadata as plain values; raises `InvalidEvent` when it is no JSON object."""
        return encoding.decode_object(self.metadata)


class Appended(msgspec.Struct, frozen=True):
    """The answer to an append: where its last event stands. A repeated append answers the same."""

    stream: str
    revision: int
    position: int


def _check_json(document: bytes, what: str, event_type: str) -> None:
    if type(document) is not bytes:
        message = (
            f"an event's {what} is JSON as bytes, not {type(document).__name__}; use NewEvent.of"
        )
        raise InvalidEvent(message)
    if len(document) > MAX_EVENT_BYTES:  # refused for its size, unread
        raise EventTooLarge(size=len(document), limit=MAX_EVENT_BYTES, type=event_type)
    encoding.check(document)


def _check_id_and_size(event: NewEvent) -> None:
    given: object = event.id
    if not isinstance(given, UUID):  # a Struct does not check what it is created with
        message = f"an event's id is a UUID, not {type(given).__name__}"
        raise InvalidEvent(message)
    size = len(event.data) + len(event.metadata)
    if size > MAX_EVENT_BYTES:
        raise EventTooLarge(size=size, limit=MAX_EVENT_BYTES, type=event.type)


def _check_type(event_type: str) -> None:
    if event_type.__class__ is str and event_type in _checked_types:
        return
    check_event_type(event_type)
    if len(_checked_types) >= _MOST_CHECKED:
        _checked_types.clear()
    _checked_types.add(event_type)
