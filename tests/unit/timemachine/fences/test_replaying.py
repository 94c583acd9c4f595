"""A replay behind fences gives the same rows whenever it is done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, insert

from backstory.application import Application
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.demo.app import users
from backstory.demo.events import UserCreated, UserDeleted, UserRenamed
from backstory.projections.database import Values
from backstory.projections.projection import Projection, Write
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import as_of
from backstory.timemachine.fences.fences import Fences, Kind
from backstory.timemachine.replay import Replay
from backstory.timemachine.session import Session
from tests.unit.projections.members import START, join_all
from tests.unit.timemachine.conftest import OpenModel
from tests.unit.timemachine.fences.conftest import Written

cards = Table(
    "card",
    MetaData(),
    Column("number", String(36), primary_key=True),
    Column("name", String(50), nullable=False),
    Column("printed", String(50), nullable=False),
)
add_card = insert(cards)


def with_a_year(data: dict[str, object]) -> dict[str, object]:
    """Read an old event with the help of today's date, as one should not."""
    return {**data, "name": f"{data['name']} {datetime.now(UTC).year}"}


class Issued(msgspec.Struct, frozen=True):
    """A card was asked for."""

    name: str


SCHEMA = Schema(EventType("joined", Issued, version=2, upcasters={1: with_a_year}))


def leaky_projection(*, reads: bool) -> Projection:
    """Return a projection that makes its rows of the time and of chance."""
    projection = Projection("cards", tables=[cards])

    def row(event: Issued) -> dict[str, object]:
        printed = datetime.now(UTC).isoformat()
        return {"number": str(uuid.uuid4()), "name": event.name, "printed": printed}

    if reads:

        @projection.on(Issued, reads=True)
        def issued(event: Issued, _recorded: RecordedEvent, connection: Connection) -> None:
            connection.execute(add_card, row(event))

    else:

        @projection.on(Issued)
        def written(event: Issued, _recorded: RecordedEvent) -> Iterator[Write]:
            yield add_card, row(event)

    return projection


async def replayed(
    projection: Projection, store: MemoryStore, open_model: OpenModel
) -> tuple[Sequence[Values], Fences]:
    """Return the rows that a fenced replay writes, and its fences."""
    application = Application(name="club", schema=SCHEMA, projections=(projection,))
    model = await open_model()
    with Fences() as fences:
        await as_of(application, History(store, 3), model, replay=Replay(fence=fences))
    return await model.all(cards.select().order_by(cards.c.name)), fences


@pytest.mark.parametrize("reads", [False, True])
async def test_rows_are_equal_though_the_handler_asks_for_ids_and_times(
    reads: bool,  # noqa: FBT001 - what pytest hands over
    store: MemoryStore,
    open_model: OpenModel,
) -> None:
    """Two replays that differ by chance could not be compared; the upcaster is fenced as well."""
    await join_all(store, ["ann", "bob", "cleo"])
    projection = leaky_projection(reads=reads)
    first, fences = await replayed(projection, store, open_model)
    again, _ = await replayed(projection, store, open_model)
    assert first == again
    assert len({row[0] for row in first}) == 3
    events = [event.recorded_at for event in await store.read(Read())]
    assert [row[2] for row in first] == [moment.isoformat() for moment in events]
    assert [row[1] for row in first] == ["ann 2026", "bob 2026", "cleo 2026"]
    found = {(leak.what, leak.kind, leak.function, leak.times) for leak in fences.leaks}
    assert found == {
        ("datetime.now()", Kind.CLOCK, "with_a_year", 3),
        ("datetime.now()", Kind.CLOCK, "row", 3),
        ("uuid.uuid4()", Kind.ID, "row", 3),
    }
    assert {leak.file for leak in fences.leaks} == {__file__}
    assert {leak.position for leak in fences.leaks} == {1}


REACHING = """\
import socket
from backstory import Projection


def projection_of(event, table):
    projection = Projection("cards", tables=[table])

    @projection.on(event)
    def issued(event, recorded):
        socket.create_connection(("127.0.0.1", 9))
        yield from ()

    return projection
"""


async def test_a_handler_that_reaches_outside_stops_and_says_where(
    store: MemoryStore, open_model: OpenModel, written: Written
) -> None:
    """It is named too where the application is installed like a library, as in a container."""
    await store.append("card-1", [SCHEMA.encode(Issued("ann"))])
    module = written("site-packages/reaching.py", REACHING)
    projection = module.projection_of(Issued, cards)
    application = Application(name="club", schema=SCHEMA, projections=(projection,))
    model = await open_model()
    with Fences() as fences:
        done = await as_of(application, History(store, 1), model, replay=Replay(fence=fences))
    [stand] = done.stands
    assert (stand.position, stand.failure is None) == (0, False)
    place = f"{module.__file__}:10 (issued)"
    assert f"socket.create_connection() at {place} was refused" in str(stand.failure)
    [leak] = fences.leaks
    assert (leak.file, leak.line, leak.kind) == (module.__file__, 10, Kind.NETWORK)


async def test_the_demo_leaks_nothing(store: MemoryStore) -> None:
    """It is what people copy from."""
    schema = users.schema
    for name in ("ann", "bob"):
        stream = f"user-{name}"
        opened = START.isoformat()
        await store.append(stream, [schema.encode(UserCreated(name, name.title(), opened))])
        await store.append(stream, [schema.encode(UserRenamed(f"{name} doe"))])
    await store.append("user-bob", [schema.encode(UserDeleted())])
    with Fences() as fences:
        async with Session(users, History(store, 5), replay=Replay(fence=fences)) as session:
            await session.at(5)
            assert [stand.position for stand in session.stands] == [5]
            await session.at(2)
    assert fences.leaks == ()
