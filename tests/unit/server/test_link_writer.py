"""Links that are written into the log: each once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from backstory import (
    BACKWARDS,
    Appended,
    EventStore,
    NewEvent,
    PowerMissing,
    Read,
    StreamAppend,
    open_store,
)
from backstory.core.retaining import Retaining
from backstory.server.virtual.sources import sources_for
from backstory.server.virtual.writing import CHECKPOINT_STREAM, LinkWriter
from backstory.stores.memory import MemoryStore
from backstory.stores.payload import sent

EVENTS = 450  # more than two pages
IN_ORDER = [f"{n // 2}@order-{n % 2}" for n in range(EVENTS)]


@pytest.fixture(params=["memory:", "sqlite:///{}/events.db"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    """Give an empty store."""
    opened = await open_store(request.param.format(tmp_path))
    yield opened
    await opened.close()


@asynccontextmanager
async def writing(store: EventStore) -> AsyncIterator[None]:
    """Have the links of *store* written meanwhile."""
    writer = LinkWriter(store)
    writer.start()
    try:
        yield
    finally:
        await writer.close()


async def placed(store: EventStore) -> None:
    """Append `EVENTS` events to two streams in turn."""
    for n in range(EVENTS):
        await store.append(f"order-{n % 2}", [NewEvent.of("placed", n)])


async def links(store: EventStore, stream: str = "$ce-order") -> list[str]:
    """Return what the links of *stream* name."""
    found: list[str] = []
    query = Read(stream=stream)
    while page := await store.read(query):
        found += [sent(event).data.decode() for event in page]
        query = query.resume(page[-1].revision)
    return found


async def all_written(store: EventStore) -> None:
    """Return when links are written up to the newest order; fails after ten seconds."""
    newest = await store.read(Read(category="order", direction=BACKWARDS, limit=1))
    position = newest[0].position
    async with asyncio.timeout(10):
        while True:
            saved = await store.read(Read(stream=CHECKPOINT_STREAM, limit=1000))
            if saved and int(saved[-1].data) >= position:
                return
            await asyncio.sleep(0.005)


async def test_every_event_has_its_link_in_order(store: EventStore) -> None:
    """Those that were there before, and those that come."""
    async with writing(store):
        await placed(store)
        await all_written(store)
        assert await links(store) == await links(store, "$et-placed") == IN_ORDER
        assert await links(store, "$category-order") == ["order-0", "order-1"]
        assert await links(store, "$streams") == ["0@order-0", "0@order-1"]


async def test_a_writer_that_ends_anywhere_writes_nothing_twice(store: EventStore) -> None:
    """It goes on behind what it wrote."""
    await placed(store)
    for turns in range(60):
        async with writing(store):
            for _ in range(turns):
                await asyncio.sleep(0)
    async with writing(store):
        await all_written(store)
    assert await links(store) == IN_ORDER


async def test_of_many_writers_one_is_ahead(store: EventStore) -> None:
    """The others go on behind what that one wrote."""
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(writing(store))
        await placed(store)
        await all_written(store)
    assert await links(store) == IN_ORDER


class AnswersNothing(MemoryStore):
    """A store that is told to write and dies before it answers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.dying = True

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Write all of it, and do not say so the first time."""
        appended = await super().append_several(appends)
        if self.dying:
            self.dying = False
            raise ConnectionAbortedError
        return appended


async def test_what_was_written_without_an_answer_is_not_written_again() -> None:
    """As when a process is killed between the answer of the store and its next step."""
    store = AnswersNothing()
    await placed(store)
    for _ in range(2):
        async with writing(store):
            await asyncio.sleep(0.05)
    async with writing(store):
        await all_written(store)
    assert await links(store) == IN_ORDER


async def test_links_without_a_checkpoint_are_completed(store: EventStore) -> None:
    """Of a page of events some have links already; every other gets one."""
    await placed(store)
    for event in (await store.read(Read(limit=1000)))[:130]:
        for source in sources_for(event):
            made = source.link(event, 0)
            link = NewEvent(made.type, made.data, made.metadata, made.id)
            await store.append(source.stream, [link])
    async with writing(store):
        await all_written(store)
    assert await links(store) == await links(store, "$et-placed") == IN_ORDER


async def test_a_link_whose_stream_can_have_no_such_name_is_left_out(store: EventStore) -> None:
    """A name of 1,000 bytes is one; with `$et-` in front of it, it is none."""
    await store.append("order-1", [NewEvent.of("t" * 1000, 1)])
    await store.append("c" * 1000, [NewEvent.of("placed", 2)])
    await store.append(
        "order-1", [NewEvent.of("placed", 3, metadata={"$correlationId": "x" * 999})]
    )
    await store.append(
        "order-1", [NewEvent.of("placed", 4, metadata={"$correlationId": "a\u200bb"})]
    )
    async with writing(store):
        await all_written(store)
    assert await links(store) == ["0@order-1", "1@order-1", "2@order-1"]
    assert await links(store, "$et-placed") == [f"0@{'c' * 1000}", "1@order-1", "2@order-1"]


async def test_a_stream_of_links_that_has_ended_stops_no_other(store: EventStore) -> None:
    """What a tombstone ended stays as it is."""
    assert isinstance(store, Retaining)
    await store.append("order-1", [NewEvent.of("placed", 1)])
    await store.tombstone("$ce-order")
    async with writing(store):
        await all_written(store)
    assert await links(store, "$et-placed") == ["0@order-1"]


async def test_a_checkpoint_that_is_none_is_written_anew(store: EventStore) -> None:
    """Somebody wrote something else into its stream."""
    await placed(store)
    await store.append(CHECKPOINT_STREAM, [NewEvent.of("$ProjectionCheckpoint", {"at": 7})])
    async with writing(store), asyncio.timeout(10):
        while True:
            if len(await links(store)) >= EVENTS:
                break
            await asyncio.sleep(0.01)
    assert await links(store) == IN_ORDER


async def test_a_store_that_cannot_append_to_several_streams_is_refused() -> None:
    """Otherwise a crash would leave links without a checkpoint."""

    class OneByOne:
        """A store without the power."""

    with pytest.raises(PowerMissing, match="OneByOne"):
        LinkWriter(OneByOne())  # type: ignore[arg-type]  # no store at all
