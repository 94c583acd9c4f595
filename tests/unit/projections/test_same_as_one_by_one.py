from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, update

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.projections.database import Values
from backstory.projections.parked import ParkedEvents
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
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


async def _result(history: Sequence[object], page: int) -> tuple[Sequence[Values], list[int]]:
    """Return the rows and the parked positions that *history* comes to, read in such pages."""
    store, model = MemoryStore(clock=steady_clock()), await ReadModel.open("memory:")
    for value in history:
        await append(store, _stream(value), value)
    projection = _mixed()
    worker = Worker(
        projection, schema=schema, store=store, read_model=model, on_failure=Park(), page=page
    )
    await worker.catch_up()
    parked = ParkedEvents(projection, schema=schema, store=store, read_model=model)
    found = await members_of(model), [event.position for event in await parked.list()]
    assert await model.checkpoint("mixed") == len(await store.read(Read()))
    await model.close()
    return found


@given(history=histories, page=pages)
def test_batches_of_any_size_give_what_one_event_at_a_time_gives(
    history: Sequence[object], page: int
) -> None:
    """Joining writes changes no row, no number, and no choice of what is parked."""

    async def compare() -> None:
        assert await _result(history, page) == await _result(history, 1)

    asyncio.run(compare())


@given(history=histories, page=pages, more=histories)
def test_a_live_read_model_equals_one_rebuilt_from_the_beginning(
    history: Sequence[object], page: int, more: Sequence[object]
) -> None:
    """Where the worker was stopped in between leaves no trace."""

    async def compare() -> None:
        store, model = MemoryStore(clock=steady_clock()), await ReadModel.open("memory:")
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
            return await members_of(model)

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

    asyncio.run(compare())
