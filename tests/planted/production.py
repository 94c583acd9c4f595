"""What production is made of: a store, workers that keep up, and customers who cause no trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from backstory import (
    Application,
    Clock,
    EventStore,
    Read,
    ReadModel,
    RecordedEvent,
    Worker,
    events,
    open_store,
    system_clock,
)


@asynccontextmanager
async def running(
    store_url: str, read_model_url: str | None = None, *, clock: Clock = system_clock
) -> AsyncIterator[tuple[EventStore, ReadModel]]:
    """Give the store and the read model of production; None: one in memory."""
    store = await open_store(store_url, clock=clock)
    try:
        model = await ReadModel.open(read_model_url or "memory:")
        try:
            yield store, model
        finally:
            await model.close()
    finally:
        await store.close()


async def keep_up(application: Application, store: EventStore, model: ReadModel) -> None:
    """Let a worker of each projection apply all that there is."""
    for projection in application.projections:
        worker = Worker(projection, schema=application.schema, store=store, read_model=model)
        await worker.catch_up()


async def record(
    application: Application, store: EventStore, stream: str, *values: object
) -> RecordedEvent:
    """Append *values* to *stream*, and return the last of them as it was recorded."""
    encoded = [application.schema.encode(value) for value in values]
    position = (await store.append(stream, encoded)).position
    [recorded] = await store.read(Read(after=position - 1, limit=1))
    return recorded


async def found(store: EventStore, wanted: Callable[[RecordedEvent], bool]) -> RecordedEvent:
    """Return the one event that is *wanted*."""
    matching: Sequence[RecordedEvent] = [e async for e in events(store, Read()) if wanted(e)]
    [event] = matching
    return event
