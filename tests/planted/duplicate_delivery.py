"""Points that a customer gets twice for one purchase.

Somebody wrote a follower of their own for the projection of points: it writes the rows of an event,
then, in a transaction of its own, how far it has come. Nobody expects it to die in between.
It does, is started again, and is given the last event once more; the handlers only ever add.
From the events alone everything is right: only the live read model has the row twice.
Guilty is the one `bought` that was delivered twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from backstory import (
    Application,
    Check,
    EventStore,
    EventType,
    Projection,
    Read,
    ReadModel,
    RecordedEvent,
    Schema,
)
from backstory.projections.projection import Write
from tests.planted.production import found, record, running

DIED_AT: Final = 171


class Enrolled(msgspec.Struct, frozen=True):
    """Somebody wants points."""

    customer: str


class Bought(msgspec.Struct, frozen=True):
    """Somebody bought something."""

    customer: str
    purchase: str
    points: int


metadata = MetaData()
customer_table = Table(
    "customer",
    metadata,
    Column("customer", String(20), primary_key=True),
    Column("points", Integer, nullable=False),
)
purchase_table = Table(
    "purchase",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("purchase", String(20), nullable=False),
    Column("customer", String(20), nullable=False),
    Column("position", BigInteger, nullable=False),
)
place_table = Table("place_of_follower", metadata, Column("position", BigInteger, nullable=False))
_already: Final = exists().where(customer_table.c.customer == bindparam("new", type_=String))
_insert_customer: Final = insert(customer_table).from_select(
    ["customer", "points"],
    select(bindparam("new", type_=String), literal_column("0")).where(~_already),
)
_insert_purchase: Final = insert(purchase_table)
_add_points: Final = (
    update(customer_table)
    .where(customer_table.c.customer == bindparam("of"))
    .values(points=customer_table.c.points + bindparam("more"))
)
points: Final = Projection("points", tables=[customer_table, purchase_table])


@points.on(Enrolled)
def enrolled(event: Enrolled, _: RecordedEvent) -> Iterator[Write]:
    """Begin with nothing, once."""
    yield _insert_customer, {"new": event.customer}


@points.on(Bought)
def bought(event: Bought, recorded: RecordedEvent) -> Iterator[Write]:
    """Add what was bought."""
    row = {"purchase": event.purchase, "customer": event.customer, "position": recorded.position}
    yield _insert_purchase, row  # the bug: nothing keeps it from being there twice
    yield _add_points, {"of": event.customer, "more": event.points}


def once(connection: Connection) -> bool:
    """Answer whether each purchase is booked once."""
    columns = purchase_table.c
    twice = select(columns.purchase).group_by(columns.purchase).having(func.count() > 1)
    found_twice = connection.execute(twice).scalars().all()
    assert not found_twice, f"booked more than once: {found_twice[:3]}"
    return True


app: Final = Application(
    name="loyalty",
    schema=Schema(EventType("enrolled", Enrolled), EventType("bought", Bought)),
    projections=(points,),
    checks=(Check("a purchase is booked once", once),),
)


class Died(Exception):
    """The process was killed."""


class Follower:
    """Gives events to the handlers of points, and remembers how far it came: too late."""

    def __init__(self, store: EventStore, model: ReadModel, *, dies_at: int | None = None) -> None:
        """Follow *store*; with *dies_at*, be killed at that event."""
        self._store = store
        self._model = model
        self._dies_at = dies_at

    async def run(self) -> None:
        """Apply all that there is from where it was."""
        place = await asyncio.to_thread(self._model.write, self._place)
        for event in await self._store.read(Read(after=place)):
            self._model.write(partial(self._apply, event))
            if event.position == self._dies_at:
                raise Died
            self._model.write(partial(self._remember, event))

    def _place(self, connection: Connection) -> int:
        metadata.create_all(connection)
        found_place: int | None = connection.execute(select(place_table)).scalar()
        if found_place is None:
            connection.execute(insert(place_table), {"position": 0})
        return found_place or 0

    def _apply(self, event: RecordedEvent, connection: Connection) -> None:
        value = app.schema.decode(event)
        for write in points.handlers[type(value)].function(value, event) or ():
            assert isinstance(write, tuple)
            connection.execute(*write)

    def _remember(self, event: RecordedEvent, connection: Connection) -> None:
        connection.execute(update(place_table).values(position=event.position))


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Run the follower; kill it; start it again."""
    async with running(store_url, read_model_url) as (store, model):
        for number in range(25):
            await record(app, store, f"customer-{number}", Enrolled(f"{number}"))
        for number in range(180):
            customer = f"{number % 25}"
            purchase = Bought(customer, f"p{number}", 1 + number % 7)
            await record(app, store, f"purchase-p{number}", purchase)
        with suppress(Died):
            await Follower(store, model, dies_at=DIED_AT).run()
        await Follower(store, model).run()
        for number in range(180, 230):
            purchase = Bought("3", f"p{number}", 2)
            await record(app, store, f"purchase-p{number}", purchase)
        await Follower(store, model).run()


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the purchase at which the follower died."""
    return await found(store, lambda event: event.position == DIED_AT)
