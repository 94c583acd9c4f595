"""One event, and what is around it."""

from __future__ import annotations

import msgspec

from backstory.core.events import RecordedEvent
from backstory.dashboard.asking import Ask
from backstory.dashboard.failing import NotThere
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import EventRow, age, row_of
from backstory.explore.event import event_detail, find_event


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """An event, its neighbours, its cause and what it caused."""

    event: EventRow
    age: str
    previous_in_stream: EventRow | None
    next_in_stream: EventRow | None
    previous_of_type: EventRow | None
    next_of_type: EventRow | None
    correlation: str | None
    correlation_href: str | None
    causation: str | None
    cause: EventRow | None
    caused: tuple[EventRow, ...]
    caused_complete: bool


async def event(ask: Ask, named: str) -> tuple[EventPage, Frame]:
    """Return the page of the event with this id or position; raises `NotThere`."""
    found = await find_event(ask.store, int(named) if _is_position(named) else named)
    if found.event is None:
        looked = "" if found.complete else " among the newest; look for its position or stream"
        message = f"There is no event {named[:80]}{looked}."
        raise NotThere(message)
    detail = await event_detail(ask.store, found.event)
    correlation = detail.correlation

    def row(neighbour: RecordedEvent | None) -> EventRow | None:
        return None if neighbour is None else row_of(neighbour, ask.to)

    page = EventPage(
        event=row_of(found.event, ask.to),
        age=age(found.event.recorded_at, ask.now),
        previous_in_stream=row(detail.previous_in_stream),
        next_in_stream=row(detail.next_in_stream),
        previous_of_type=row(detail.previous_of_type),
        next_of_type=row(detail.next_of_type),
        correlation=correlation,
        correlation_href=None if correlation is None else ask.to.trace(correlation),
        causation=detail.causation,
        cause=row(detail.cause),
        caused=tuple(row_of(effect, ask.to) for effect in detail.caused),
        caused_complete=detail.caused_complete,
    )
    command = ask.command("event", str(found.event.position))
    return page, Frame(title=found.event.type, here="events", command=command)


def _is_position(named: str) -> bool:
    return named.isdecimal() and named.isascii() and len(named) < 19  # noqa: PLR2004 - fits into 64 bits
