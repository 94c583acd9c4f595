"""A store whose appends and reads are counted and timed."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import ANY, Expected
from backstory.core.listening import Committing
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.telemetry.outcomes import OK, outcome_of
from backstory.telemetry.passing import PassingStore, countable, events_in

if TYPE_CHECKING:
    from backstory.telemetry.metrics import Metrics


class MeasuredStore(PassingStore):
    """The same store, measured; see `EventStore`."""

    def __init__(self, store: EventStore, metrics: Metrics) -> None:
        """Measure *store* with *metrics*, and its transactions where it can tell of them."""
        super().__init__(store)
        self._metrics = metrics
        # Found once: looking for a label costs as much as counting with it.
        self._appended = metrics.append_seconds.labels(OK)
        self._read = metrics.read_seconds.labels(OK)
        if isinstance(store, Committing):
            store.on_commit(metrics.committed)

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        """Append; see `EventStore.append`."""
        events, count = countable(events)
        began = perf_counter()
        try:
            appended = await self._store.append(stream, events, expected=expected)
        except BaseException as error:
            self._failed(self._metrics.append_seconds, error, began)
            raise
        self._succeeded(count, began)
        return appended

    async def _append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append to several streams, which counts as one append."""
        appends, _ = countable(appends)
        began = perf_counter()
        try:
            appended = await super()._append_several(appends)
        except BaseException as error:
            self._failed(self._metrics.append_seconds, error, began)
            raise
        self._succeeded(events_in(appends), began)
        return appended

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read; see `EventStore.read`."""
        began = perf_counter()
        try:
            page = await self._store.read(query)
        except BaseException as error:
            self._failed(self._metrics.read_seconds, error, began)
            raise
        self._read.observe(perf_counter() - began)
        self._metrics.read_events.observe(len(page))
        return page

    def _succeeded(self, events: int, began: float) -> None:
        self._appended.observe(perf_counter() - began)
        self._metrics.append_events.inc(events)

    def _failed(self, seconds: Histogram, error: BaseException, began: float) -> None:
        seconds.labels(outcome_of(error)).observe(perf_counter() - began)
