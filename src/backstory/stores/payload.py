"""Events of any bytes, in stores that hold JSON.

An event of JSON with metadata that are a JSON object (or none) is stored as it is. All else is
wrapped so that every byte comes back: what is not JSON becomes a JSON string of base64, and the key
`$wire` of the metadata says what was done. Keys of wrapped metadata stay searchable.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from backstory.core import encoding
from backstory.core.errors import InvalidEvent
from backstory.core.events import NO_METADATA, RecordedEvent

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
WIRE: Final = "$wire"
"""The key of metadata under which a wrapped event says so."""

_WIRE_MARK: Final = b'"$wire"'


class Payload(msgspec.Struct, frozen=True):
    """What a client gives and gets: whether the data are JSON, the data, and the metadata."""

    content_type: str
    data: bytes
    metadata: bytes


class _Wrapped(msgspec.Struct, omit_defaults=True):
    content_type: str = JSON
    data: bool = False
    metadata: str | None = None


class _Envelope(msgspec.Struct):
    wire: _Wrapped = msgspec.field(name=WIRE)


_envelope: Final = msgspec.json.Decoder(_Envelope)
_text: Final = msgspec.json.Decoder(str)


def stored(payload: Payload) -> tuple[bytes, bytes]:
    """Return data and metadata as a store takes them."""
    plain_data = payload.content_type == JSON and _is_json(payload.data)
    keys = _object(payload.metadata)
    plain_metadata = not payload.metadata or (
        keys is not None and payload.metadata != NO_METADATA and WIRE not in keys
    )
    if plain_data and plain_metadata:
        return payload.data, payload.metadata or NO_METADATA
    wrapped = _Wrapped(
        content_type=payload.content_type,
        data=not plain_data,
        metadata=None if not payload.metadata else base64.b64encode(payload.metadata).decode(),
    )
    data = payload.data
    if not plain_data:
        data = encoding.encode(base64.b64encode(payload.data).decode())
    return data, encoding.encode({**(keys or {}), WIRE: msgspec.to_builtins(wrapped)})


def sent(event: RecordedEvent) -> Payload:
    """Return what a client gets of *event*: what it gave, or what was appended elsewhere."""
    if _WIRE_MARK in event.metadata:
        unwrapped = _unwrapped(event)
        if unwrapped is not None:
            return unwrapped
    metadata = b"" if event.metadata == NO_METADATA else event.metadata
    return Payload(JSON, event.data, metadata)


def _unwrapped(event: RecordedEvent) -> Payload | None:
    """Return what was wrapped, None when the word only happens to stand in the metadata."""
    try:
        wire = _envelope.decode(event.metadata).wire
        data = event.data
        if wire.data:
            data = base64.b64decode(_text.decode(event.data), validate=True)
        metadata = b""
        if wire.metadata is not None:
            metadata = base64.b64decode(wire.metadata, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    return Payload(wire.content_type, data, metadata)


def _is_json(data: bytes) -> bool:
    try:
        encoding.check(data)
    except InvalidEvent:
        return False
    return True


def _object(metadata: bytes) -> dict[str, object] | None:
    if not metadata:
        return None
    try:
        encoding.check(metadata)
        return encoding.decode_object(metadata)
    except InvalidEvent:
        return None
