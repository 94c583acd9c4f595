"""The log under a filter."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from backstory.dashboard.asking import PER_PAGE, Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import EventRow, row_of
from backstory.explore.events import events_page
from backstory.explore.filters import EventFilter, parse_filter


class Chip(Struct, frozen=True):
    """One thing the filter says, and the page without it."""

    text: str
    without_href: str


class EventsPage(Struct, frozen=True, kw_only=True):
    """Events, newest first; when not `complete`, time ran out at `looked_to`."""

    filter: str
    chips: tuple[Chip, ...]
    events: tuple[EventRow, ...]
    newest_href: str | None
    newer_href: str | None
    older_href: str | None
    live_href: str | None
    complete: bool
    looked_to: int | None
    system: bool
    system_href: str


async def events(ask: Ask) -> tuple[EventsPage, Frame]:
    """Return a page of what fits `filter`: the newest events, or those beside a key."""
    wanted = parse_filter(ask.text("filter"))
    before, after = ask.number("before"), ask.number("after")
    head = await ask.store.head()
    found = await events_page(ask.store, wanted, before=before, after=after, limit=PER_PAGE)
    to, said = ask.to, str(wanted)
    is_newest = found.newer is None
    page = EventsPage(
        filter=said,
        chips=tuple(Chip(str(part), to.events(rest)) for part, rest in _parts(wanted)),
        events=tuple(row_of(event, to) for event in found.events),
        newest_href=None if is_newest else to.events(wanted),
        newer_href=None if is_newest else to.events(wanted, after=found.newer),
        older_href=None if found.older is None else to.events(wanted, before=found.older),
        live_href=to.page("/live", filter=said, after=head) if is_newest else None,
        complete=found.complete,
        looked_to=found.looked_to,
        system=wanted.system,
        system_href=to.events(replace(wanted, system=not wanted.system)),
    )
    return page, Frame(title="Events", here="events", command=ask.command("events", said))


def _parts(wanted: EventFilter) -> list[tuple[EventFilter, EventFilter]]:
    """Return each thing that *wanted* says as a filter of its own, and what is left without it."""
    nothing = EventFilter()
    parts = []
    for name in EventFilter.__struct_fields__:
        value = getattr(wanted, name)
        if value == getattr(nothing, name):
            continue
        if isinstance(value, tuple):
            for each in value:
                rest = tuple(other for other in value if other is not each)
                parts.append((replace(nothing, **{name: (each,)}), replace(wanted, **{name: rest})))
        else:
            rest_of = replace(wanted, **{name: getattr(nothing, name)})
            parts.append((replace(nothing, **{name: value}), rest_of))
    return parts
