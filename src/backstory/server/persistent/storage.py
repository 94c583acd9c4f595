"""Where persistent subscriptions are written down: streams of the same store, as in EventStoreDB.

| stream                                             | holds                                |
| `$persistentSubscriptionConfig`                    | every group, anew with each change   |
| `$persistentsubscription-{stream}::{group}-checkpoint` | how far the group has come       |
| `$persistentsubscription-{stream}::{group}-parked` | links to events that were put aside  |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.expected import NO_STREAM, Expected
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.server.persistent.settings import GroupConfig
from backstory.server.virtual.sources import link_to
from backstory.server.wire.recorded import LINK
from backstory.stores.retention.metadata import MAX_COUNT, TRUNCATE_BEFORE, metadata_event
from backstory.stores.retention.standing import standing_of
from backstory.stores.retention.writing import append

CONFIG_STREAM: Final = "$persistentSubscriptionConfig"
_CONFIG: Final = "$PersistentConfig"
_CHECKPOINT: Final = "$SubscriptionCheckpoint"


class _Config(msgspec.Struct, frozen=True):
    version: int
    groups: tuple[GroupConfig, ...]


_config_decoder: Final = msgspec.json.Decoder(_Config)


async def load_config(store: EventStore) -> tuple[Expected, tuple[GroupConfig, ...]]:
    """Return what to expect of the stream of configurations, and all groups there are."""
    newest = await _newest(store, CONFIG_STREAM)
    if newest is None:
        return NO_STREAM, ()
    return newest.revision, _config_decoder.decode(newest.data).groups


async def save_config(store: EventStore, expected: Expected, groups: Sequence[GroupConfig]) -> None:
    """Write down all *groups*; raises `WrongExpectedRevision` when another process just did."""
    config = _Config(1, tuple(groups))
    await store.append(CONFIG_STREAM, [NewEvent.of(_CONFIG, config)], expected=expected)


class GroupStorage:
    """What one group writes down."""

    def __init__(self, store: EventStore, config: GroupConfig) -> None:
        """Write into *store*."""
        self._store = store
        self._start = config.start
        self.checkpoint_stream: str = f"$persistentsubscription-{config.id}-checkpoint"
        self.parked_stream: str = f"$persistentsubscription-{config.id}-parked"

    async def checkpoint(self) -> int:
        """Return the key up to which everything is finished."""
        newest = await _newest(self._store, self.checkpoint_stream)
        if newest is None:
            return self._start
        return msgspec.json.decode(newest.data, type=int)

    async def save_checkpoint(self, key: int) -> None:
        """Write down that everything up to *key* is finished."""
        event = NewEvent.of(_CHECKPOINT, key)
        appended = await self._store.append(self.checkpoint_stream, [event])
        if appended.revision == 0:  # a scavenge then erases all but the newest
            await self._set_metadata(self.checkpoint_stream, {MAX_COUNT: 2})

    async def park(self, event: RecordedEvent, reason: str) -> int:
        """Put a link to *event* aside; return its revision among the parked."""
        link = NewEvent.of(LINK, link_to(event), metadata={"reason": reason})
        parked = await append(self._store, self.parked_stream, [link])
        return parked.revision

    async def parked(self) -> tuple[int, int]:
        """Return the first and last revision of what is parked; nothing is when last < first."""
        standing = await standing_of(self._store, self.parked_stream)
        last = -1 if standing.last is None else standing.last
        return standing.first, last

    async def parked_page(self, after: int, until: int, limit: int) -> Sequence[RecordedEvent]:
        """Return links behind the revision *after*, up to and with *until*."""
        query = Read(stream=self.parked_stream, after=after, before=until + 1, limit=limit)
        return await self._store.read(query)

    async def forget_parked(self, before: int) -> None:
        """Write down that what was parked before a revision was replayed."""
        await self._set_metadata(self.parked_stream, {TRUNCATE_BEFORE: before})

    async def forget(self) -> None:
        """Hide what the group has written down: a group of the same name begins anew."""
        for stream in (self.checkpoint_stream, self.parked_stream):
            standing = await standing_of(self._store, stream)
            if standing.last is not None:
                await self._set_metadata(stream, {TRUNCATE_BEFORE: standing.last + 1})

    async def _set_metadata(self, stream: str, keys: dict[str, object]) -> None:
        await self._store.append(f"$${stream}", [metadata_event(keys)])


async def _newest(store: EventStore, stream: str) -> RecordedEvent | None:
    standing = await standing_of(store, stream)
    if not standing.exists:
        return None
    page = await store.read(Read(stream=stream, direction=BACKWARDS, limit=1))
    return page[0] if page else None
