"""Recorded events as messages."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.internal.containers import ScalarMap
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.core.events import RecordedEvent
from backstory.server.wire.ids import fill_uuid
from backstory.stores.payload import BINARY, JSON, sent

LINK = "$>"
"""The type of an event that is a link to another."""

STREAM_NAMED = "$@"
"""The type of an event that names a stream."""

_SYSTEM_BINARY = frozenset({LINK, STREAM_NAMED})


class RecordedMessage(Protocol):
    """The message of a recorded event, which each service has for itself."""

    @property
    def id(self) -> shared.UUID:
        """Return the field of the id."""

    @property
    def stream_identifier(self) -> shared.StreamIdentifier:
        """Return the field of the stream's name."""

    @property
    def metadata(self) -> ScalarMap[str, str]:
        """Return the field of what the protocol says of the event."""

    stream_revision: int
    prepare_position: int
    commit_position: int
    custom_metadata: bytes
    data: bytes


def fill_recorded(message: RecordedMessage, event: RecordedEvent, *, structured: bool) -> None:
    """Write *event* into *message*; its id as two integers when *structured*, else as text."""
    fill_uuid(message.id, event.id_bytes, structured=structured)
    message.stream_identifier.stream_name = event.stream.encode()
    message.stream_revision = event.revision
    message.prepare_position = message.commit_position = event.position
    payload = sent(event)
    metadata = message.metadata
    metadata["type"] = event.type
    metadata["created"] = str(event.recorded_us * 10)  # in steps of 100 nanoseconds
    binary = event.type in _SYSTEM_BINARY and payload.content_type == JSON
    metadata["content-type"] = BINARY if binary else payload.content_type
    message.custom_metadata = payload.metadata
    message.data = payload.data if not binary else _bare(payload.data)


def _bare(data: bytes) -> bytes:
    """Return the text of a JSON string: links say `0@stream`, without quotes."""
    if data.startswith(b'"') and data.endswith(b'"') and b"\\" not in data:
        return data[1:-1]
    return data
