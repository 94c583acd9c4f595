"""Stores and repositories whose work is seen as spans."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.domain.decider import Command, Event, State
from backstory.domain.decision import Decision
from backstory.domain.repository import Repository
from backstory.telemetry.passing import PassingStore, countable, events_in

if TYPE_CHECKING:
    from backstory.telemetry.tracing import Tracing


class TracedStore(PassingStore):
    """The same store with the spans `append` and `read`; see `EventStore`."""

    def __init__(self, store: EventStore, tracing: Tracing) -> None:
        """Trace *store* with *tracing*."""
        super().__init__(store)
        self._tracing = tracing

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append; see `EventStore.append`."""
        events, count = countable(events)
        attributes: dict[str, AttributeValue] = {
            "backstory.stream": str(stream),
            "backstory.events": count,
        }
        with self._tracing.span("append", SpanKind.CLIENT, attributes) as span:
            appended = await self._store.append(stream, events, expected=expected)
            span.set_attribute("backstory.position", appended.position)
            return appended

    async def _append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, in one span."""
        appends, _ = countable(appends)
        with self._tracing.span("append", SpanKind.CLIENT, {}) as span:
            appended = await super()._append_several(appends)
            span.set_attribute("backstory.streams", [answer.stream for answer in appended])
            span.set_attribute("backstory.events", events_in(appends))
            return appended

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read; see `EventStore.read`. A read that nobody's span asks for has none of its own."""
        if not self._tracing.is_recording():  # a worker's, which would be a trace per page
            return await self._store.read(query)
        attributes = {} if query.stream is None else {"backstory.stream": query.stream}
        with self._tracing.span("read", SpanKind.CLIENT, attributes) as span:
            page = await self._store.read(query)
            span.set_attribute("backstory.events", len(page))
            return page


def traced_repository(
    repository: Repository[Command, Event, State], tracing: Tracing
) -> Repository[Command, Event, State]:
    """Return *repository* with the span `execute` around every command."""
    execute, stream_of = repository.execute, repository.stream_of

    @functools.wraps(execute)
    async def in_a_span(
        key: str,
        command: Command,
        **circumstances: Any,  # noqa: ANN401 - passed on as they are
    ) -> Decision[Event, State]:
        with tracing.command(type(command).__name__, stream_of(key)):
            return await execute(key, command, **circumstances)

    watched = copy(repository)
    # A copy with a method of its own stays a Repository for whoever asks for one.
    watched.__dict__["execute"] = in_a_span
    return watched
