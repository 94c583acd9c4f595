"""Events of the client, as ours, and ours as the client's."""

from __future__ import annotations

from kurrentdbclient import NewEvent as ClientsNewEvent
from kurrentdbclient import RecordedEvent as ClientsEvent

from backstory.core.clock import to_microseconds
from backstory.core.errors import StoreDamaged
from backstory.core.events import NewEvent, RecordedEvent
from backstory.stores.payload import BINARY, JSON, Payload, sent, stored


def recorded(event: ClientsEvent) -> RecordedEvent:
    """Return *event* as a store answers it.

    What is not JSON is wrapped without loss, see `backstory.stores.payload`. The position is
    that of the commit. Raises `StoreDamaged` for an event without a time, which no server sends.
    """
    if event.recorded_at is None:
        message = f"event {event.id} in {event.stream_name!r} has no time"
        raise StoreDamaged(message)
    data, metadata = stored(Payload(event.content_type, event.data, event.metadata))
    return RecordedEvent(
        position=event.commit_position,
        stream=event.stream_name,
        revision=event.stream_position,
        type=event.type,
        data=data,
        metadata=metadata,
        id_bytes=event.id.bytes,
        recorded_us=to_microseconds(event.recorded_at),
    )


def proposed(event: NewEvent) -> ClientsNewEvent:
    """Return *event* as the client appends it: what was wrapped is what it was before."""
    plain = sent(RecordedEvent(0, "", 0, event.type, event.data, event.metadata, event.id.bytes, 0))
    return ClientsNewEvent(
        type=event.type,
        data=plain.data,
        metadata=plain.metadata,
        content_type="application/json" if plain.content_type == JSON else BINARY,
        id=event.id,
    )
