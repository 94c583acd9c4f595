"""Writing the links of the system projections into the log, for clients that look for them there.

The links to a page of events and the checkpoint behind it are one append, and the checkpoint is
expected where it was read: after a crash nothing is written twice, and of two servers on one store
one is ahead. Every link has an id that follows from what it links to as well, so that one whose
checkpoint was deleted is recognised as a repetition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from backstory.core.appending import StreamAppend
from backstory.core.errors import BackstoryError, InvalidName, StoreClosed
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.expected import NO_STREAM, WrongExpectedRevision
from backstory.core.names import check_stream_name
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import StreamDeleted
from backstory.core.store import AppendingSeveral, EventStore, Power, append_several, power_missing
from backstory.projections.backoff import Backoff
from backstory.server.virtual.sources import Source, sources_for
from backstory.stores.retention.metadata import MAX_COUNT, metadata_event

_log: Final = logging.getLogger("backstory.server")

CHECKPOINT_STREAM: Final = "$projections-$links-checkpoint"
_CHECKPOINT: Final = "$ProjectionCheckpoint"
_PAGE: Final = 200
_SECONDS_BETWEEN_LOOKS: Final = 5.0
_AFTER_AN_ERROR: Final = Backoff(first=1.0, longest=60.0)


class _Behind(NamedTuple):
    """Up to where links are written, and at which revision that is written down, None: nowhere."""

    position: int
    revision: int | None


class LinkWriter:
    """Follows the log and writes the links to every event of it.

    A link that cannot be written is left out: its stream would have a name that no stream may have
    (a category, type or correlation id of nearly a thousand bytes), or was ended by a tombstone.
    """

    def __init__(self, store: EventStore) -> None:
        """Write into *store*; raises `PowerMissing` when it cannot append to several streams."""
        if not isinstance(store, AppendingSeveral):
            raise power_missing(store, Power.SEVERAL)
        self._store = store
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, behind what was written before."""
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop; what is missing is written at the next start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _follow(self) -> None:
        failed = 0
        while True:
            try:
                behind = await self._checkpoint()
                while True:
                    behind = await self._write(behind)
                    failed = 0
            except StoreClosed:
                return
            except BackstoryError as error:
                failed += 1
                _log.warning("links cannot be written: %s", error)
                await asyncio.sleep(_AFTER_AN_ERROR.delay(failed))

    async def _write(self, behind: _Behind) -> _Behind:
        """Write the links to the next events; return up to where that was."""
        page = await self._store.read(Read(after=behind.position, limit=_PAGE))
        if not page:
            await self._store.wait(behind.position, _SECONDS_BETWEEN_LOOKS)
            return behind
        reached = _Behind(page[-1].position, behind.revision)
        links = _links_to(page)
        if not links:
            return reached
        try:
            return await self._save(reached, links)
        except (WrongExpectedRevision, StreamDeleted):
            newest = await self._checkpoint()
            if newest.revision != behind.revision:
                return newest  # another server wrote them
        for part in links:
            await self._write_singly(part)
        return await self._save(reached, [])

    async def _save(self, reached: _Behind, links: Sequence[StreamAppend]) -> _Behind:
        """Write *links* and how far that was, both or nothing."""
        expected = NO_STREAM if reached.revision is None else reached.revision
        checkpoint = NewEvent.of(_CHECKPOINT, reached.position)
        parts = [StreamAppend(CHECKPOINT_STREAM, [checkpoint], expected), *links]
        if reached.revision is None:  # a scavenge shall erase all but the newest
            limits = metadata_event({MAX_COUNT: 2})
            parts.append(StreamAppend(f"$${CHECKPOINT_STREAM}", [limits]))
        saved = await append_several(self._store, parts)
        return _Behind(reached.position, saved[0].revision)

    async def _write_singly(self, part: StreamAppend) -> None:
        """Write those links of *part* that are not there yet."""
        with suppress(StreamDeleted):
            for link in part.events:
                await self._store.append(part.stream, [link])

    async def _checkpoint(self) -> _Behind:
        query = Read(stream=CHECKPOINT_STREAM, direction=BACKWARDS, limit=1)
        newest = await self._store.read(query)
        if not newest:
            return _Behind(0, None)
        with suppress(msgspec.DecodeError):
            position = msgspec.json.decode(newest[0].data, type=int)
            return _Behind(position, newest[0].revision)
        return _Behind(0, newest[0].revision)


def _links_to(page: Sequence[RecordedEvent]) -> list[StreamAppend]:
    links: dict[str, list[NewEvent]] = {}
    for event in page:
        for source in _writable(event):
            made = source.link(event, 0)
            link = NewEvent(made.type, made.data, made.metadata, made.id)
            links.setdefault(source.stream, []).append(link)
    return [StreamAppend(stream, events) for stream, events in links.items()]


def _writable(event: RecordedEvent) -> Iterator[Source]:
    for source in sources_for(event):
        with suppress(InvalidName):
            check_stream_name(source.stream)
            yield source
