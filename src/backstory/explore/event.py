"""One event with its neighbours: in its stream, of its type, and among cause and effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.core.store import EventStore, Searching
from backstory.explore.budget import Budget
from backstory.explore.links import causation_of, correlation_of
from backstory.explore.searching import Search, event_called, first_of

MOST_CAUSED: Final = 20


class EventDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and what is around it.

    `caused` are events that name it as their cause, the first `MOST_CAUSED` of them; when it is not
    `caused_complete` there may be more, further on in the log.
    """

    event: RecordedEvent
    previous_in_stream: RecordedEvent | None
    next_in_stream: RecordedEvent | None
    previous_of_type: RecordedEvent | None
    next_of_type: RecordedEvent | None
    cause: RecordedEvent | None
    causation: str | None
    caused: Sequence[RecordedEvent]
    caused_complete: bool
    correlation: str | None


class Found(msgspec.Struct, frozen=True):
    """The event that was looked for, or none; not `complete` when there was no time to be sure."""

    event: RecordedEvent | None
    complete: bool = True


async def find_event(store: EventStore, named: str | int, budget: Budget | None = None) -> Found:
    """Return the event at a position, or with an id (as text).

    What is neither names no event: that is found by nobody. Raises what the store raises.
    """
    if isinstance(named, int):
        at = await first_of(store, Read(after=named - 1, until=named)) if named > 0 else None
        return Found(at)
    try:
        called = UUID(named)
    except ValueError:
        return Found(None)
    if isinstance(store, Searching):
        return Found(await store.find(called))
    return Found(*await event_called(store, called.bytes, budget or Budget()))


async def event_detail(
    store: EventStore, event: RecordedEvent, budget: Budget | None = None
) -> EventDetail:
    """Return *event* with what is around it; looks for effects within the *budget*.

    Raises what the store raises.
    """
    budget = budget or Budget()
    in_stream = Read(stream=event.stream)
    of_type = Read(types=(event.type,))
    causation = causation_of(event)
    cause = None
    if causation is not None and causation != str(event.id):
        cause = (await find_event(store, causation, budget)).event
    caused, complete = await _caused_by(store, event, budget)
    revision, position = event.revision, event.position
    return EventDetail(
        event=event,
        previous_in_stream=await first_of(
            store, msgspec.structs.replace(in_stream, before=revision), backwards=True
        ),
        next_in_stream=await first_of(store, msgspec.structs.replace(in_stream, after=revision))
        if revision < TOMBSTONE_REVISION
        else None,
        previous_of_type=await first_of(
            store, msgspec.structs.replace(of_type, before=position), backwards=True
        ),
        next_of_type=await first_of(store, msgspec.structs.replace(of_type, after=position)),
        cause=cause,
        causation=causation,
        caused=caused,
        caused_complete=complete,
        correlation=correlation_of(event),
    )


async def _caused_by(
    store: EventStore, event: RecordedEvent, budget: Budget
) -> tuple[Sequence[RecordedEvent], bool]:
    name = str(event.id)
    search = Search(store, name, lambda other: causation_of(other) == name)
    found: list[RecordedEvent] = []
    async for effect in search.after(event.position, await store.head(), budget):
        found.append(effect)
        if len(found) > MOST_CAUSED:
            return found[:MOST_CAUSED], False
    return found, search.complete
