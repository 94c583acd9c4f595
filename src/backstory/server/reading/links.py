"""Links: events of type `$>` whose data, `3@user-1`, name another event."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.server.node import Node
from backstory.server.wire.recorded import LINK
from backstory.stores.payload import sent
from backstory.stores.retention.standing import Standing, standing_of


class Delivery(msgspec.Struct, frozen=True):
    """What a client is sent for one event of the stream it reads.

    `event` is that event, or what it links to (None: that is not there any more), `link` the link.
    `position` is that of the event in the stream that is read.
    """

    event: RecordedEvent | None
    link: RecordedEvent | None
    position: int

    @property
    def original(self) -> RecordedEvent:
        """Return the event of the stream that is read: the link when it is one."""
        found = self.link or self.event
        assert found is not None  # noqa: S101 - a delivery is made with one of the two
        return found


def plain(event: RecordedEvent) -> Delivery:
    """Return the delivery of *event* as it is."""
    return Delivery(event, None, event.position)


def target_of(event: RecordedEvent) -> tuple[int, str] | None:
    """Return revision and stream that *event* links to, None when it is no link."""
    if event.type != LINK:
        return None
    text = sent(event).data.strip(b'"').decode(errors="replace")
    revision, at, stream = text.partition("@")
    if not at or not revision.isdecimal() or len(revision) > len(str(TOMBSTONE_REVISION)):
        return None
    return int(revision), stream


async def resolve(node: Node, event: RecordedEvent) -> Delivery:
    """Return the delivery of *event* with what it links to."""
    [delivery] = await resolve_page(node, [event])
    return delivery


async def resolve_page(node: Node, page: Sequence[RecordedEvent]) -> list[Delivery]:
    """Return the deliveries of *page* with what its links link to; streams are looked up once."""
    standings: dict[str, Standing] = {}
    deliveries: list[Delivery] = []
    for event in page:
        target = target_of(event)
        if target is None:
            deliveries.append(plain(event))
            continue
        revision, stream = target
        if stream not in standings:
            standings[stream] = await standing_of(node.store, stream, clock=node.clock)
        found = await _linked(node, standings[stream], revision)
        deliveries.append(Delivery(found, event, event.position))
    return deliveries


async def _linked(node: Node, standing: Standing, revision: int) -> RecordedEvent | None:
    if standing.ended or revision < standing.first:
        return None
    query = Read(stream=standing.stream, after=revision - 1, before=revision + 1, limit=1)
    page = await node.store.read(query)
    return page[0] if page else None
