"""Events that clients propose, as ours."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.internal.containers import ScalarMap
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.core.errors import EventTooLarge, InvalidInput
from backstory.core.events import EncodedEvent, NewEvent
from backstory.server.failures import event_too_large, invalid_argument, missing_metadata
from backstory.server.wire.ids import uuid_of
from backstory.stores.payload import BINARY, JSON, Payload, stored


class ProposedMessage(Protocol):
    """The message of an event to append, which Append and BatchAppend have each for itself."""

    @property
    def id(self) -> shared.UUID:
        """Return the field of the id."""

    @property
    def metadata(self) -> ScalarMap[str, str]:
        """Return the field of what the protocol says of the event."""

    custom_metadata: bytes
    data: bytes


def new_event(message: ProposedMessage, *, limit: int) -> NewEvent:
    """Return the event that *message* proposes.

    Raises `Failure` when type or content type are missing, when a name or the id is none, and when
    data and metadata together have more than *limit* bytes.
    """
    event_type = message.metadata.get("type")
    content_type = message.metadata.get("content-type")
    if not event_type or not content_type:
        raise missing_metadata()
    event_id = uuid_of(message.id)
    size = len(message.data) + len(message.custom_metadata)
    if size > limit:
        raise event_too_large(str(event_id), size, limit)
    kind = JSON if content_type == JSON else BINARY
    data, metadata = stored(Payload(kind, message.data, message.custom_metadata))
    try:
        return EncodedEvent(event_type, data, metadata, event_id)
    except EventTooLarge as error:
        raise event_too_large(str(event_id), error.size, error.limit) from error
    except InvalidInput as error:
        raise invalid_argument(str(error)) from error
