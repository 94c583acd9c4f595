"""Events as pages and their twins show them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

import msgspec

from backstory.core import encoding
from backstory.core.errors import InvalidEvent
from backstory.core.events import RecordedEvent
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.dashboard.addresses import Addresses
from backstory.explore.filters import EventFilter
from backstory.explore.visible import visible

_PREVIEW: Final = 160
_SWATCHES: Final = 6
_MOST_SHOWN: Final = 200_000
_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=:))|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)|(?P<plain>[^\"\d\-tfn]+|.)",
    re.DOTALL,
)
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event as one row of a table.

    `data` and `metadata` are as they were written; bytes that are no JSON, which only a damaged
    store has, are missing there and shown by `preview` alone.
    """

    position: int
    stream: str
    revision: int
    type: str
    id: str
    recorded_at: str
    data: msgspec.Raw | None
    metadata: msgspec.Raw | None
    preview: str
    swatch: int
    href: str
    stream_href: str
    type_href: str


class Token(msgspec.Struct, frozen=True):
    """A piece of JSON, and what kind of piece it is."""

    kind: str
    text: str


def row_of(event: RecordedEvent, to: Addresses) -> EventRow:
    """Return *event* as a row, with addresses made by *to*."""
    return EventRow(
        position=event.position,
        stream=event.stream,
        revision=event.revision,
        type=event.type,
        id=str(event.id),
        recorded_at=timestamp(event.recorded_at),
        data=_raw(event.data),
        metadata=_raw(event.metadata),
        preview=preview(event.data),
        swatch=crc32(event.type.encode()) % _SWATCHES,
        href=to.event(event),
        stream_href=to.stream(event.stream),
        type_href=to.events(EventFilter(types=(event.type,))),
    )


def preview(document: bytes) -> str:
    """Return data on one line, without the brackets around it, shortened."""
    try:
        encoding.check(document)
    except InvalidEvent:
        return visible(f"(no JSON) {document[:_PREVIEW]!r}")
    text = msgspec.json.format(document[:], indent=-1).decode()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    shown = visible(text[: _PREVIEW + 1])
    return shown if len(text) <= _PREVIEW else shown[:_PREVIEW] + "…"


def tokens(document: bytes) -> tuple[list[Token], bool]:
    """Return a document, indented, in pieces to be coloured, and whether all of it is there.

    Numbers keep their spelling. Bytes that are no JSON are one piece.
    """
    try:
        encoding.check(document)
    except InvalidEvent:
        return [Token("damaged", visible(repr(document[:_MOST_SHOWN])))], True
    text = msgspec.json.format(document, indent=2).decode()
    pieces = [
        Token(found.lastgroup or "plain", visible(found.group(), keep="\n"))
        for found in _TOKEN.finditer(text[:_MOST_SHOWN])
    ]
    return pieces, len(text) <= _MOST_SHOWN


def timestamp(moment: datetime) -> str:
    """Return *moment*, which is in UTC, as RFC 3339 with microseconds."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def age(moment: datetime, now: datetime) -> str:
    """Return how long ago *moment* was, in one unit."""
    seconds = (now - moment) // timedelta(seconds=1)
    if seconds < 0:
        return "in the future"
    for size, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size:,} {name} ago"
    return f"{seconds} s ago"


def revision_text(revision: int) -> str:
    """Return a revision as people read it: that of a tombstone is a word."""
    return "end" if revision == TOMBSTONE_REVISION else f"{revision:,}"


def _raw(document: bytes) -> msgspec.Raw | None:
    try:
        encoding.check(document)
    except InvalidEvent:
        return None
    return msgspec.Raw(document)
