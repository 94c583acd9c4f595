"""The directory of streams."""

from __future__ import annotations

import msgspec

from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.dashboard.asking import PER_PAGE, Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import age, timestamp
from backstory.explore.streams import streams_page


class ListedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream by its ends."""

    stream: str
    href: str
    first_revision: int
    revision: int
    position: int
    recorded_at: str
    age: str
    ended: bool


class StreamsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Streams by name; when not `complete`, those of the newest events alone."""

    prefix: str
    streams: tuple[ListedStream, ...]
    first_href: str | None
    next_href: str | None
    complete: bool


async def streams(ask: Ask) -> tuple[StreamsPage, Frame]:
    """Return a page of the directory: `prefix` and `after` are names."""
    prefix, after = ask.text("prefix"), ask.text("after") or None
    found = await streams_page(ask.store, prefix=prefix, after=after, limit=PER_PAGE)
    page = StreamsPage(
        prefix=prefix,
        streams=tuple(
            ListedStream(
                stream=each.stream,
                href=ask.to.stream(each.stream),
                first_revision=each.first_revision,
                revision=each.revision,
                position=each.position,
                recorded_at=timestamp(each.recorded_at),
                age=age(each.recorded_at, ask.now),
                ended=each.revision == TOMBSTONE_REVISION,
            )
            for each in found.streams
        ),
        first_href=None if after is None else ask.to.page("/streams", prefix=prefix),
        next_href=None
        if found.next is None
        else ask.to.page("/streams", prefix=prefix, after=found.next),
        complete=found.complete,
    )
    arguments = [*(["--prefix", prefix] if prefix else []), *(["--after", after] if after else [])]
    return page, Frame(title="Streams", here="streams", command=ask.command("streams", *arguments))
