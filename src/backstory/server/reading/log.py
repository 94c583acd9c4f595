"""Pages of `$all`, without what EventStoreDB hides there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.store import EventStore

_OWN: Final = "$persistentsubscription-$all::"
_OWN_ENDS: Final = ("-checkpoint", "-parked")


def shown_in_all(event: RecordedEvent) -> bool:
    """Return whether `$all` shows *event*: not what persistent subscriptions to it write down."""
    stream = event.stream
    return not (stream.startswith(_OWN) and stream.endswith(_OWN_ENDS))


async def log_page(
    store: EventStore, query: Read
) -> tuple[Sequence[RecordedEvent], RecordedEvent | None]:
    """Return what one page of *query* shows, and the last event looked at (None: the end)."""
    page = await store.read(query)
    if not page:
        return [], None
    return [event for event in page if shown_in_all(event)], page[-1]
