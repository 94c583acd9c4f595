"""An event as one line of JSON: the contract of `--json`, written down in docs/reference."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.screen import visible_json
from backstory.core import encoding
from backstory.core.errors import InvalidEvent

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line of `read --json` and `watch --json` holds, in this order.

    Data and metadata are as they were written, without the white space between. Bytes that are no
    JSON, which only a damaged store has, are given in base64 under the name that says so.
    """

    position: int
    stream: str
    revision: int
    type: str
    id: str
    recorded_at: str
    data: msgspec.Raw | None = None
    metadata: msgspec.Raw | None = None
    data_base64: bytes | None = None
    metadata_base64: bytes | None = None


_encoder = msgspec.json.Encoder()


def envelope(event: RecordedEvent) -> bytes:
    """Return *event* as one line of JSON that can be shown on any terminal."""
    data, damaged_data = _document(event.data)
    metadata, damaged_metadata = _document(event.metadata)
    return json_line(
        Envelope(
            position=event.position,
            stream=event.stream,
            revision=event.revision,
            type=event.type,
            id=str(event.id),
            recorded_at=timestamp(event.recorded_at),
            data=data,
            metadata=metadata,
            data_base64=damaged_data,
            metadata_base64=damaged_metadata,
        )
    )


def json_line(value: object) -> bytes:
    """Return *value* as one line of JSON that can be shown on any terminal."""
    return visible_json(_encoder.encode(value))


def timestamp(moment: datetime) -> str:
    """Return *moment*, which is in UTC, as RFC 3339 with microseconds; such texts sort by time."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def compact(document: bytes) -> bytes:
    """Return JSON without white space between its parts; raises `InvalidEvent` when it is none."""
    encoding.check(document)
    return msgspec.json.format(document, indent=-1)


def _document(payload: bytes) -> tuple[msgspec.Raw | None, bytes | None]:
    try:
        return msgspec.Raw(compact(payload)), None
    except InvalidEvent:
        return None, payload
