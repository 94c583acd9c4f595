"""The event types of a store: since when they occur, when last, and an example."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.listing import Listing, Names
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.explore.budget import Budget
from backstory.explore.searching import first_of

_LOOK = 1_000


class TypeRow(msgspec.Struct, frozen=True):
    """An event type, with the first and the newest event that has it."""

    name: str
    first: RecordedEvent
    newest: RecordedEvent


class TypesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Types in the order of their names; `next` goes on as `after` (None: that is all).

    When it is not `complete` the store cannot list its types: the page has those of the newest
    events alone, and `first` is the first among these.
    """

    types: Sequence[TypeRow]
    next: str | None
    complete: bool


async def types_page(
    store: EventStore,
    *,
    prefix: str = "",
    after: str | None = None,
    limit: int = 100,
    budget: Budget | None = None,
) -> TypesPage:
    """Return one page of the types whose names begin with *prefix*, behind the name *after*.

    Raises what the store raises.
    """
    if not isinstance(store, Listing):
        return await _from_newest(store, prefix, after, limit, budget or Budget())
    named = await store.types(Names(prefix=prefix, after=after, limit=limit + 1))
    rows: list[TypeRow] = []
    for each in named[:limit]:
        first = await first_of(store, Read(after=each.first_position - 1))
        newest = await first_of(store, Read(after=each.last_position - 1))
        if first is not None and newest is not None:  # erased meanwhile otherwise
            rows.append(TypeRow(each.name, first, newest))
    following = named[limit - 1].name if len(named) > limit else None
    return TypesPage(types=rows, next=following, complete=True)


async def _from_newest(
    store: EventStore, prefix: str, after: str | None, limit: int, budget: Budget
) -> TypesPage:
    rows: dict[str, TypeRow] = {}
    query = Read(direction=BACKWARDS, limit=_LOOK)
    while True:
        page = await store.read(query)
        for event in page:
            name = event.type
            if name.startswith(prefix) and (after is None or name > after):
                newest = rows[name].newest if name in rows else event
                rows[name] = TypeRow(name, event, newest)
        ends = query.is_last(page)
        if ends or budget.over:
            break
        query = query.resume(page[-1].position)
    ordered = [rows[name] for name in sorted(rows, key=str.encode)]
    following = ordered[limit - 1].name if len(ordered) > limit else None
    return TypesPage(types=ordered[:limit], next=following, complete=ends)
