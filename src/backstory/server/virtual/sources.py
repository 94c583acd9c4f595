"""Which streams are made from the log, from which of its events, and what stands in them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

import msgspec

from backstory.core import encoding
from backstory.core.events import CORRELATION, RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.explore.links import correlation_of
from backstory.server.wire.recorded import LINK, STREAM_NAMED
from backstory.stores.payload import BINARY, Payload, stored

_SYSTEM: Final = "$"
_OURS: Final = UUID("f4b2c6a0-50e2-5c7e-9c4f-2f1d3a6b8e70")
"""The namespace of the ids of links: the same link has the same id, whoever makes it."""


class Kind(StrEnum):
    """What a stream of links collects, by the beginning of its name."""

    CATEGORY = "$ce-"
    TYPE = "$et-"
    CORRELATION = "$bc-"
    STREAMS_OF_CATEGORY = "$category-"
    STREAMS = "$streams"


class Source(msgspec.Struct, frozen=True):
    """Where the links of a stream are from: what to read, and which of that belongs to it."""

    stream: str
    kind: Kind
    argument: str

    @property
    def query(self) -> Read:
        """Return the read along which the links are found, in their order."""
        if self.kind in {Kind.CATEGORY, Kind.STREAMS_OF_CATEGORY}:
            return Read(category=self.argument)
        return Read(types=(self.argument,)) if self.kind is Kind.TYPE else Read()

    @property
    def takes_all(self) -> bool:
        """Return whether every event of `query` belongs to the stream."""
        return self.kind in {Kind.CATEGORY, Kind.TYPE}

    def takes(self, event: RecordedEvent) -> bool:
        """Say whether *event*, one of `query`, belongs to the stream."""
        if self.kind is Kind.CORRELATION:
            return correlation_of(event) == self.argument
        if self.kind in {Kind.STREAMS, Kind.STREAMS_OF_CATEGORY}:
            return event.revision == 0 and not event.stream.startswith(_SYSTEM)
        return True

    def link(self, event: RecordedEvent, revision: int) -> RecordedEvent:
        """Return what stands in the stream for *event*, at *revision*."""
        named = self.kind is Kind.STREAMS_OF_CATEGORY
        target = event.stream if named else link_to(event)
        data, metadata = stored(Payload(BINARY, target.encode(), _said_of(event)))
        return RecordedEvent(
            position=event.position,
            stream=self.stream,
            revision=revision,
            type=STREAM_NAMED if named else LINK,
            data=data,
            metadata=metadata,
            id_bytes=self.link_id(event).bytes,
            recorded_us=event.recorded_us,
        )

    def link_id(self, event: RecordedEvent) -> UUID:
        """Return the id of the link to *event*."""
        return uuid5(_OURS, f"{self.stream}\0{event.position}\0{event.id}")


def link_to(event: RecordedEvent) -> str:
    """Return the text by which a link names *event*."""
    return f"{event.revision}@{event.stream}"


def source_of(stream: str) -> Source | None:
    """Return where the links of *stream* are from, None for a stream that is stored."""
    if stream == Kind.STREAMS:
        return Source(stream, Kind.STREAMS, "")
    for kind in (Kind.CATEGORY, Kind.TYPE, Kind.CORRELATION, Kind.STREAMS_OF_CATEGORY):
        if stream.startswith(kind) and len(stream) > len(kind):
            return Source(stream, kind, stream.removeprefix(kind))
    return None


def sources_for(event: RecordedEvent) -> list[Source]:
    """Return the streams that have a link to *event*; none for events of system streams."""
    if event.stream.startswith(_SYSTEM):
        return []
    named: list[tuple[Kind, str | None]] = [
        (Kind.CATEGORY, event.category),
        (Kind.TYPE, event.type),
        (Kind.CORRELATION, correlation_of(event)),
    ]
    if event.revision == 0:
        named.append((Kind.STREAMS_OF_CATEGORY, event.category))
    found = [Source(f"{kind}{argument}", kind, argument) for kind, argument in named if argument]
    if event.revision == 0:
        found.append(Source(Kind.STREAMS.value, Kind.STREAMS, ""))
    return found


def _said_of(event: RecordedEvent) -> bytes:
    said: dict[str, object] = {
        "$v": "1:-1:0:4",
        "$c": event.position,
        "$p": event.position,
        "$o": event.stream,
        "$causedBy": str(event.id),
    }
    if event.revision == TOMBSTONE_REVISION:
        said["$deleted"] = -1
    correlation = correlation_of(event)
    if correlation is not None:
        said[CORRELATION] = correlation
    return encoding.encode(said)
