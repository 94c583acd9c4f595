"""One event as JSON, as plain rows, and as a page for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import envelope, json_line, timestamp
from backstory.cli.screen import console, print_json
from backstory.core.errors import InvalidEvent
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.explore.event import EventDetail


class EventLine(msgspec.Struct, frozen=True):
    """What `event --json` writes, in this order; neighbours and causes by their positions."""

    event: msgspec.Raw
    previous_in_stream: int | None
    next_in_stream: int | None
    previous_of_type: int | None
    next_of_type: int | None
    correlation: str | None
    causation: str | None
    cause: int | None
    caused: tuple[int, ...]
    caused_complete: bool


def as_json(detail: EventDetail) -> bytes:
    """Return *detail* as one line of JSON."""
    return json_line(
        EventLine(
            event=msgspec.Raw(envelope(detail.event)),
            previous_in_stream=_position(detail.previous_in_stream),
            next_in_stream=_position(detail.next_in_stream),
            previous_of_type=_position(detail.previous_of_type),
            next_of_type=_position(detail.next_of_type),
            correlation=detail.correlation,
            causation=detail.causation,
            cause=_position(detail.cause),
            caused=tuple(event.position for event in detail.caused),
            caused_complete=detail.caused_complete,
        )
    )


def as_rows(detail: EventDetail) -> Iterator[tuple[object, ...]]:
    """Yield what is known of the event, a name and a value each."""
    yield from _facts(detail)
    yield "data", _text(detail.event.data, indent=-1)
    yield "metadata", _text(detail.event.metadata, indent=-1)
    for name, event in _around(detail):
        yield name, event.position, event.stream, event.revision, event.type


def print_event(detail: EventDetail) -> None:
    """Print *detail* for a person."""
    from rich.table import Table

    screen = console()
    facts = Table(show_header=False, box=None)
    for name, value in _facts(detail):
        facts.add_row(name, visible(str(value)))
    screen.print(facts)
    for name, document in (("data", detail.event.data), ("metadata", detail.event.metadata)):
        screen.print(f"\n{name}", style="bold")
        print_json(_text(document, indent=2))
    around = Table(box=None, header_style="bold")
    for title in ("", "position", "stream", "revision", "type"):
        around.add_column(title, justify="right" if title in {"position", "revision"} else "left")
    for name, event in _around(detail):
        place = (f"{event.position:,}", visible(event.stream), f"{event.revision:,}")
        around.add_row(name, *place, visible(event.type))
    if around.row_count:
        screen.print()
        screen.print(around)


def _facts(detail: EventDetail) -> Iterator[tuple[str, object]]:
    event = detail.event
    yield "type", event.type
    yield "stream", event.stream
    yield "revision", event.revision
    yield "position", event.position
    yield "recorded at", timestamp(event.recorded_at)
    yield "id", event.id
    if detail.correlation is not None:
        yield "correlation", detail.correlation
    if detail.causation is not None and detail.cause is None:
        yield "cause, not found", detail.causation


def _around(detail: EventDetail) -> Iterator[tuple[str, RecordedEvent]]:
    named = (
        ("previous in stream", detail.previous_in_stream),
        ("next in stream", detail.next_in_stream),
        ("previous of type", detail.previous_of_type),
        ("next of type", detail.next_of_type),
        ("caused by", detail.cause),
    )
    yield from ((name, event) for name, event in named if event is not None)
    yield from (("caused", event) for event in detail.caused)


def _position(event: RecordedEvent | None) -> int | None:
    return None if event is None else event.position


def _text(document: bytes, *, indent: int) -> str:
    try:
        from backstory.core import encoding

        encoding.check(document)
    except InvalidEvent:
        return f"(no JSON) {document!r}"
    return msgspec.json.format(document, indent=indent).decode()
