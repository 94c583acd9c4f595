"""The catalogue of event types."""

from __future__ import annotations

import msgspec

from backstory.dashboard.asking import PER_PAGE, Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import EventRow, row_of
from backstory.explore.types import types_page


class ListedType(msgspec.Struct, frozen=True, kw_only=True):
    """An event type with the first and the newest event that has it."""

    type: str
    href: str
    first: EventRow
    newest: EventRow


class TypesPage(msgspec.Struct, frozen=True, kw_only=True):
    """Types in the order of their names; not `complete` has those of the newest events alone."""

    types: tuple[ListedType, ...]
    first_href: str | None
    next_href: str | None
    complete: bool


async def types(ask: Ask) -> tuple[TypesPage, Frame]:
    """Return a page of the catalogue, behind the name `after`."""
    after = ask.text("after") or None
    found = await types_page(ask.store, after=after, limit=PER_PAGE)
    rows = []
    for each in found.types:
        newest = row_of(each.newest, ask.to)
        first = row_of(each.first, ask.to)
        rows.append(ListedType(type=each.name, href=newest.type_href, first=first, newest=newest))
    page = TypesPage(
        types=tuple(rows),
        first_href=None if after is None else ask.to.page("/types"),
        next_href=None if found.next is None else ask.to.page("/types", after=found.next),
        complete=found.complete,
    )
    arguments = ["--after", after] if after else []
    return page, Frame(title="Types", here="types", command=ask.command("types", *arguments))
