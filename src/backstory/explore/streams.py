"""The streams of a store: by name, and those that changed or began a short while ago."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.listing import Listing, Names, StreamEnds
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.core.store import EventStore
from backstory.explore.budget import Budget

_SYSTEM: Final = "$"
_BEHIND_SYSTEM: Final = "$\U0010ffff"
_LOOK: Final = 500
_MOST_LOOKED_AT: Final = 5_000


class StreamsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Streams in the order of their names; `next` goes on as `after` (None: that is all).

    When it is not `complete` the store cannot list its streams: the page names those of the newest
    events alone.
    """

    streams: Sequence[StreamEnds]
    next: str | None
    complete: bool


class RecentStreams(msgspec.Struct, frozen=True, kw_only=True):
    """Streams by their newest event, and by their first, newest first.

    Among the events from `looked_from` on: a stream that did not change since is not there.
    """

    changed: Sequence[RecordedEvent]
    created: Sequence[RecordedEvent]
    looked_from: int


async def streams_page(
    store: EventStore,
    *,
    prefix: str = "",
    after: str | None = None,
    limit: int = 100,
    budget: Budget | None = None,
) -> StreamsPage:
    """Return one page of the streams whose names begin with *prefix*, behind the name *after*.

    System streams, which begin with `$`, are left out unless the prefix begins so. Raises what the
    store raises, `InvalidRead` for a limit that no read may have.
    """
    if not isinstance(store, Listing):
        return await _from_newest(store, prefix, after, limit, budget or Budget())
    found: list[StreamEnds] = []
    hidden = not prefix
    while True:
        page = await store.streams(Names(prefix=prefix, after=after, limit=limit + 1))
        found += [each for each in page if not (hidden and each.stream.startswith(_SYSTEM))]
        if len(found) > limit:
            return StreamsPage(streams=found[:limit], next=found[limit - 1].stream, complete=True)
        if len(page) <= limit:
            return StreamsPage(streams=found, next=None, complete=True)
        after = page[-1].stream
        if hidden and after.startswith(_SYSTEM):
            after = _BEHIND_SYSTEM


async def recent_streams(
    store: EventStore, *, limit: int = 20, budget: Budget | None = None
) -> RecentStreams:
    """Return the streams that changed last and those that began last, *limit* of each at most.

    Looks at the newest events, some thousands at most and within the *budget*. System streams are
    left out.
    """
    budget = budget or Budget()
    changed: dict[str, RecordedEvent] = {}
    created: dict[str, RecordedEvent] = {}
    looked = 0
    query = Read(direction=BACKWARDS, limit=_LOOK)
    while True:
        page = await store.read(query)
        for event in page:
            if event.stream.startswith(_SYSTEM) or event.type.startswith(_SYSTEM):
                continue
            if len(changed) < limit:
                changed.setdefault(event.stream, event)
            if event.revision == 0 and len(created) < limit:
                created.setdefault(event.stream, event)
        looked += len(page)
        enough = len(changed) >= limit and len(created) >= limit
        done = query.is_last(page) or looked >= _MOST_LOOKED_AT or budget.over
        if enough or done:
            first = page[-1].position if page and not query.is_last(page) else 0
            return RecentStreams(
                changed=tuple(changed.values()), created=tuple(created.values()), looked_from=first
            )
        query = query.resume(page[-1].position)


async def _from_newest(
    store: EventStore, prefix: str, after: str | None, limit: int, budget: Budget
) -> StreamsPage:
    """Return what the newest events name, for a store that cannot list."""
    newest: dict[str, RecordedEvent] = {}
    query = Read(direction=BACKWARDS, limit=_LOOK)
    while True:
        page = await store.read(query)
        for event in page:
            name = event.stream
            shown = prefix or not name.startswith(_SYSTEM)
            if shown and name.startswith(prefix) and (after is None or name > after):
                newest.setdefault(name, event)
        ends = query.is_last(page)
        if ends or budget.over:
            break
        query = query.resume(page[-1].position)
    named = [_ends(newest[name]) for name in sorted(newest, key=str.encode)]
    following = named[limit - 1].stream if len(named) > limit else None
    return StreamsPage(streams=named[:limit], next=following, complete=ends)


def _ends(event: RecordedEvent) -> StreamEnds:
    first = event.revision if event.revision == TOMBSTONE_REVISION else 0
    return StreamEnds(event.stream, first, event.revision, event.position, event.recorded_us)
