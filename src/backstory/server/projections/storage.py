"""Which projections there are, and how each stands; kept in a stream of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from backstory.core.events import NewEvent
from backstory.core.expected import NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore

STREAM: Final = "$projections-$all"
_TYPE: Final = "$ProjectionsUpdated"
_ATTEMPTS: Final = 10


class Standing(StrEnum):
    """What its user wants of a projection."""

    ENABLED = "enabled"
    STOPPED = "stopped"
    ABORTED = "aborted"


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """A projection that a user created."""

    name: str
    query: str
    continuous: bool
    emit: bool = False
    track: bool = False
    version: int = 0
    standing: Standing = Standing.ENABLED


Projections = tuple[Projection, ...]

_decoder: Final = msgspec.json.Decoder(Projections)


class ProjectionStorage:
    """Keeps the projections; several servers may share the store."""

    def __init__(self, store: EventStore) -> None:
        """Keep them in *store*."""
        self._store = store
        self._changing = asyncio.Lock()

    async def all(self) -> Projections:
        """Return every projection that users created."""
        return (await self._load())[1]

    async def change(self, change: Callable[[Projections], Projections]) -> None:
        """Write down what *change* makes of the projections; raises what it raises."""
        async with self._changing:
            for attempt in range(_ATTEMPTS):
                expected, there = await self._load()
                event = NewEvent.of(_TYPE, change(there))
                try:
                    await self._store.append(STREAM, [event], expected=expected)
                except WrongExpectedRevision:  # another server was quicker
                    if attempt == _ATTEMPTS - 1:
                        raise
                else:
                    return

    async def _load(self) -> tuple[Expected, Projections]:
        page = await self._store.read(Read(stream=STREAM, direction=BACKWARDS, limit=1))
        if not page:
            return NO_STREAM, ()
        return page[0].revision, _decoder.decode(page[0].data)
