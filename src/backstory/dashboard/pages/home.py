"""The first page: which streams changed a short while ago, and which are new."""

from __future__ import annotations

import msgspec

from backstory.core.events import RecordedEvent
from backstory.dashboard.asking import Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import age, timestamp
from backstory.explore.streams import recent_streams

_MOST = 20


class RecentStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream by one of its events."""

    stream: str
    href: str
    revision: int
    type: str
    recorded_at: str
    age: str


class HomePage(msgspec.Struct, frozen=True, kw_only=True):
    """The streams of the newest events: of those from position `looked_from` on."""

    changed: tuple[RecentStream, ...]
    created: tuple[RecentStream, ...]
    looked_from: int
    empty: bool


async def home(ask: Ask) -> tuple[HomePage, Frame]:
    """Return the first page."""
    found = await recent_streams(ask.store, limit=_MOST)
    page = HomePage(
        changed=tuple(_recent(ask, event) for event in found.changed),
        created=tuple(_recent(ask, event) for event in found.created),
        looked_from=found.looked_from,
        empty=not found.changed and await ask.store.head() == 0,
    )
    return page, Frame(title="Stream Browser", here="home", command=ask.command("stats"))


def _recent(ask: Ask, event: RecordedEvent) -> RecentStream:
    return RecentStream(
        stream=event.stream,
        href=ask.to.stream(event.stream),
        revision=event.revision,
        type=event.type,
        recorded_at=timestamp(event.recorded_at),
        age=age(event.recorded_at, ask.now),
    )
