from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, update

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.projections.database import Values
from backstory.projections.parked import ParkedEvents
from backstory.projections.policy import Park
from backstory.projections.postgres import plan
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.servers.postgres import VERSIONS
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Noted,
    Renamed,
    append,
    delete_member,
    insert_member,
    member_table,
    members_of,
    rename_member,
    schema,
    steady_clock,
)

names = st.sampled_from(["ann", "bob", "cid"])
values = st.one_of(
    st.builds(Joined, names, st.just(START)),
    st.builds(Renamed, names, st.text(max_size=3)),
    st.builds(Left, names),
    st.builds(Noted, st.sampled_from(["count", "double", "nothing"])),
)
histories = st.lists(values, max_size=40)
pages = st.integers(1, 12)


def _mixed() -> Projection:
    """Return a projection that uses every way of writing, and fails on a name that is taken."""
    mixed = Projection("mixed", tables=[member_table])

    @mixed.on(Joined)
    def joined(event: Joined, recorded: RecordedEvent) -> Iterator[Write]:
        row = {"name": event.name, "full_name": event.name, "joined_at": event.at, "renamed": 0}
        yield insert_member, {**row, "recorded_at": recorded.recorded_at}
        if recorded.position % 3 == 0:
            yield rename_member, {"who": event.name, "new_name": f"{recorded.position}"}

    @mixed.on(Renamed)
    def renamed(event: Renamed, _recorded: RecordedEvent) -> Iterator[Write]:
        named = member_table.c.name == event.name
        yield update(member_table).where(named).values(full_name=event.full_name)
        if event.full_name:
            yield rename_member, {"who": event.name, "new_name": event.full_name}

    @mixed.on(Left)
    def left(event: Left, recorded: RecordedEvent) -> Iterator[Write]:
        if recorded.position % 2:
            yield delete_member, {"who": event.name}
        else:
            yield delete(member_table).where(member_table.c.name.in_([event.name, "nobody"]))

    mixed.on(Noted, reads=True)(_noted)
    return mixed


def _noted(event: Noted, recorded: RecordedEvent, connection: Connection) -> None:
    rows = connection.execute(member_table.select()).all()
    if event.text == "count":
        row = {"name": f"{recorded.position}", "full_name": f"{len(rows)} rows", "renamed": 0}
        row |= {"joined_at": START, "recorded_at": START}
        connection.execute(insert(member_table), row)
    elif event.text == "double":
        doubled = member_table.c.renamed * 2
        connection.execute(update(member_table).values(renamed=doubled))


def _stream(value: object) -> str:
    return f"member-{getattr(value, 'name', 'notes')}"


async def _opened(url: str) -> ReadModel:
    """Return the read model at *url* as if nothing had ever run there."""
    model = await ReadModel.open(url)
    await model.wipe(_mixed())
    return model


async def _rows(model: ReadModel) -> Sequence[Values]:
    """Return the rows in order, with their numbers where what failed gives them back."""
    counts_on = model.database.engine.dialect.name == "postgresql"
    return [row[counts_on:] for row in await members_of(model)]


async def _result(
    history: Sequence[object], page: int, url: str
) -> tuple[Sequence[Values], list[int]]:
    """Return the rows and the parked positions that *history* comes to, read in such pages."""
    store, model = MemoryStore(clock=steady_clock()), await _opened(url)
    for value in history:
        await append(store, _stream(value), value)
    projection = _mixed()
    worker = Worker(
        projection, schema=schema, store=store, read_model=model, on_failure=Park(), page=page
    )
    await worker.catch_up()
    parked = ParkedEvents(projection, schema=schema, store=store, read_model=model)
    found = await _rows(model), [event.position for event in await parked.list()]
    assert await model.checkpoint("mixed") == len(await store.read(Read()))
    await model.close()
    return found


async def _compare_pages(history: Sequence[object], page: int, url: str) -> None:
    assert await _result(history, page, url) == await _result(history, 1, url)


async def _compare_with_rebuilt(
    history: Sequence[object], page: int, more: Sequence[object], url: str
) -> None:
    store, model = MemoryStore(clock=steady_clock()), await _opened(url)
    projection = _mixed()

    async def follow(size: int) -> Sequence[Values]:
        worker = Worker(
            projection,
            schema=schema,
            store=store,
            read_model=model,
            on_failure=Park(),
            page=size,
        )
        await worker.catch_up()
        return await _rows(model)

    async def write(part: Sequence[object]) -> None:
        for value in part:
            await append(store, _stream(value), value)

    await write(history)
    await follow(page)
    await write(more)
    live = await follow(page)
    await model.wipe(projection)
    assert await follow(1000) == live
    await model.close()


@given(history=histories, page=pages)
def test_batches_of_any_size_give_what_one_event_at_a_time_gives(
    history: Sequence[object], page: int
) -> None:
    """Joining writes changes no row, no number, and no choice of what is parked."""
    asyncio.run(_compare_pages(history, page, "memory:"))


@given(history=histories, page=pages, more=histories)
def test_a_live_read_model_equals_one_rebuilt_from_the_beginning(
    history: Sequence[object], page: int, more: Sequence[object]
) -> None:
    """Where the worker was stopped in between leaves no trace."""
    asyncio.run(_compare_with_rebuilt(history, page, more, "memory:"))


@pytest.fixture
def copying_url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a database on PostgreSQL, into which two rows are copied already."""
    monkeypatch.setattr(plan, "FEWEST_TO_COPY", 2)
    return postgres_url


# One example takes a hundred times what it takes in memory.
_on_a_server = settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
@_on_a_server
@given(history=histories, page=pages)
def test_batches_of_any_size_give_what_one_event_at_a_time_gives_on_postgresql(
    copying_url: str, history: Sequence[object], page: int
) -> None:
    """Copying and pipelines change no row, and no choice of what is parked."""
    asyncio.run(_compare_pages(history, page, copying_url))


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
@_on_a_server
@given(history=histories, page=pages, more=histories)
def test_a_live_read_model_equals_one_rebuilt_from_the_beginning_on_postgresql(
    copying_url: str, history: Sequence[object], page: int, more: Sequence[object]
) -> None:
    """Where the worker was stopped in between leaves no trace."""
    asyncio.run(_compare_with_rebuilt(history, page, more, copying_url))
