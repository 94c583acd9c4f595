"""Doing things once: a lost answer is asked for again, a command sent twice is known again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Final, TypeVar
from uuid import UUID, uuid5

from backstory.core.errors import OutcomeUnknown, StoreUnavailable
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.reading import events
from backstory.core.store import EventStore

Answer = TypeVar("Answer")

PAUSES: Final = (0.02, 0.1, 0.5)
"""Seconds to wait before each repetition of an append."""

_PAUSE = 0.002


async def until_answered(append: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call *append*, and again (same ids, same place) while the outcome is unknown.

    Raises what *append* raises; `OutcomeUnknown` when the last repetition had no answer either. A
    repetition that finds the store unavailable says nothing about the first try, so that too ends
    in `OutcomeUnknown`.
    """
    try:
        return await append()
    except OutcomeUnknown as error:
        unknown = error
    for pause in PAUSES:
        await asyncio.sleep(pause)
        try:
            return await append()
        except (OutcomeUnknown, StoreUnavailable):
            continue
    raise unknown


async def pause_before(attempt: int) -> None:
    """Wait a random moment before an *attempt* after a conflict; the first, 0, comes at once.

    Contenders spread out, so that fewer of them meet again.
    """
    if attempt:
        await asyncio.sleep(random.random() * _PAUSE * 2**attempt)  # noqa: S311 - no secret


def event_ids(stream: str, command_id: UUID) -> Iterator[UUID]:
    """Return the ids of the events that the command leads to in *stream*: the same every time."""
    return (uuid5(command_id, f"{index} {stream}") for index in count())


async def events_of(
    store: EventStore, stream: str, command_id: UUID, until: int
) -> list[RecordedEvent]:
    """Return the events the command led to in *stream*, up to the position *until*.

    Reads the whole stream; a snapshot may have passed the command long ago.
    """
    ids = event_ids(stream, command_id)
    wanted = next(ids).bytes
    found: list[RecordedEvent] = []
    async for event in events(store, Read(stream=stream, until=until)):
        if event.id_bytes == wanted:
            found.append(event)
            wanted = next(ids).bytes
        elif found:
            break
    return found
