"""One append of a client's, however it came: the limits, the rules, the time it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from backstory.core.events import NewEvent
from backstory.core.expected import Expected
from backstory.server.failures import append_too_large, timed_out
from backstory.server.node import Node
from backstory.server.wire.proposed import ProposedMessage, new_event
from backstory.stores.retention.empty import Unmoved, append_nothing
from backstory.stores.retention.writing import append, at_once


class Gathering:
    """The events of one append as they come in, bounded in bytes."""

    def __init__(self, node: Node) -> None:
        """Allow what the settings of *node* allow."""
        self._settings = node.settings
        self.events: list[NewEvent] = []
        self._bytes = 0

    def add(self, message: ProposedMessage) -> None:
        """Take one more event; raises `Failure` when it cannot be one, or is too much."""
        self._bytes += len(message.data) + len(message.custom_metadata)
        if self._bytes > self._settings.max_append_bytes:
            raise append_too_large(self._settings.max_append_bytes)
        self.events.append(new_event(message, limit=self._settings.max_event_bytes))


async def written(
    node: Node,
    stream: str,
    events: Sequence[NewEvent],
    expected: Expected,
    *,
    seconds: float | None = None,
    turn: Callable[[], Awaitable[None]] = at_once,
) -> Unmoved:
    """Append *events* and answer where the stream ends then, within *seconds* at most.

    Awaits *turn* right before the store is told to write.

    Raises what an append raises, and `Failure` when the time is over: then the events may still be
    stored, and sending them again tells.
    """
    limit = node.settings.write_timeout
    try:
        async with asyncio.timeout(limit if seconds is None else min(limit, seconds)):
            if not events:
                return await append_nothing(node.store, stream, expected=expected, clock=node.clock)
            appended = await append(
                node.store, stream, events, expected=expected, clock=node.clock, turn=turn
            )
    except TimeoutError as error:
        message = "the append was not confirmed in time"
        raise timed_out(message) from error
    return Unmoved(appended.revision, appended.position)
