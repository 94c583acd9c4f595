"""One stream."""

from __future__ import annotations

import msgspec

from backstory.core.names import category_of
from backstory.dashboard.asking import PER_PAGE, Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import EventRow, row_of
from backstory.explore.filters import EventFilter
from backstory.explore.stream import StreamState, stream_page


class StreamPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events of a stream, newest first, and how the stream stands."""

    stream: str
    state: StreamState
    category: str
    category_href: str
    metadata_href: str | None
    first: int
    last: int | None
    events: tuple[EventRow, ...]
    newest_href: str | None
    newer_href: str | None
    older_href: str | None
    oldest_href: str | None
    live_href: str | None


async def stream(ask: Ask, name: str) -> tuple[StreamPage, Frame]:
    """Return a page of the stream *name*: the newest events, or those beside a revision."""
    before, after = ask.number("before"), ask.number("after")
    found = await stream_page(ask.store, name, before=before, after=after, limit=PER_PAGE)
    to = ask.to
    is_newest = found.newer is None
    live = None
    if is_newest and found.state is not StreamState.ENDED and name:
        said = str(EventFilter(stream=name))
        live = to.page("/live", filter=said, after=await ask.store.head())
    page = StreamPage(
        stream=name,
        state=found.state,
        category=category_of(name),
        category_href=to.events(EventFilter(category=category_of(name))),
        metadata_href=None if name.startswith("$$") else to.stream(f"$${name}"),
        first=found.first,
        last=found.last,
        events=tuple(row_of(event, to) for event in found.events),
        newest_href=None if is_newest else to.stream(name),
        newer_href=None if is_newest else to.stream(name, after=found.newer),
        older_href=None if found.older is None else to.stream(name, before=found.older),
        oldest_href=None if found.older is None else to.stream(name, after=found.first - 1),
        live_href=live,
    )
    command = ask.command("read", "--stream", name, "--backwards")
    return page, Frame(title=name, here="streams", command=command)
