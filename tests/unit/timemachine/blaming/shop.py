"""An application to blame: its handlers write in every way there is, each line with a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from backstory.application import Application
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.schema import EventType, Schema
from backstory.projections.columns import UtcDateTime
from backstory.projections.projection import Projection, Write
from backstory.stores.memory import MemoryStore

START = datetime(2026, 1, 2, tzinfo=UTC)


class Added(msgspec.Struct, frozen=True):
    """A thing is for sale."""

    name: str
    price: int = 1


class Priced(msgspec.Struct, frozen=True):
    """A thing has another price."""

    name: str
    price: int


class Named(msgspec.Struct, frozen=True):
    """A thing has another name."""

    name: str
    other: str


class Dropped(msgspec.Struct, frozen=True):
    """A thing is for sale no more."""

    name: str


class AllPriced(msgspec.Struct, frozen=True):
    """All things have another price."""

    price: int


class Tagged(msgspec.Struct, frozen=True):
    """A thing has tags."""

    name: str
    tags: Sequence[str]


class Put(msgspec.Struct, frozen=True):
    """A thing is put in its place, whatever was there."""

    name: str
    price: int
    note: str = ""


class Sold(msgspec.Struct, frozen=True):
    """Things were sold."""

    name: str
    count: int


class Rejected(msgspec.Struct, frozen=True):
    """Its handler fails."""


class Stocked(msgspec.Struct, frozen=True):
    """There is more of a thing; its handler is decorated."""

    name: str
    by: Literal["yields", "driver"]


KINDS = (Stocked, Added, Priced, Named, Dropped, AllPriced, Tagged, Put, Sold, Rejected)
schema = Schema(*(EventType(kind.__name__.lower(), kind) for kind in KINDS))

metadata = MetaData()
things = Table(
    "thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("na me", String(20), key="name", nullable=False, unique=True),
    Column("price", Integer, nullable=False),
    Column("at", UtcDateTime),
)
tags = Table(
    "tag",
    metadata,
    Column("thing", ForeignKey("thing.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(20), primary_key=True),
    Column("place", Integer),
    sqlite_with_rowid=False,
)
places = Table(
    "place",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("price", Integer),
    Column("note", String(20)),
)
sales = Table("sale", metadata, Column("name", String(20)), Column("count", Integer))
totals = Table(
    "total",
    metadata,
    Column("name", String(20), nullable=False),
    Column("count", Integer),
    UniqueConstraint("name"),
)

add = insert(things)
price = update(things).where(things.c.name == bindparam("of")).values(price=bindparam("new"))
price_all = update(things).values(price=bindparam("new"))
rename = update(things).where(things.c.name == bindparam("of")).values(name=bindparam("new"))
drop = delete(things).where(things.c.name == bindparam("of"))
replace = insert(places).prefix_with("OR REPLACE")
move = update(places).where(places.c.name == bindparam("of")).values(name=bindparam("new"))
put = upsert(totals)
count = put.on_conflict_do_update(
    index_elements=["name"], set_={"count": totals.c.count + put.excluded.count}
)

shop = Projection("shop", tables=[things, tags])
shelf = Projection("shelf", tables=[places])
till = Projection("till", tables=[sales, totals], partitions=2)


@shop.on(Added)
def added(event: Added, recorded: RecordedEvent) -> Iterator[Write]:
    """Write twice, from two lines."""
    yield add, {"name": event.name, "price": 0, "at": recorded.recorded_at}  # line: added
    yield price, {"of": event.name, "new": event.price}  # line: first price


@shop.on(Priced)
def priced(event: Priced, _recorded: RecordedEvent) -> Iterator[Write]:
    """Let others write."""
    yield from pricing(event.name, event.price)  # line: asks for pricing


def pricing(name: str, new: int) -> Iterator[Write]:
    """Write in place of a handler."""
    if new < 0:
        yield price, {"of": name, "new": 0}  # line: nothing is dearer than free
    else:
        yield price, {"of": name, "new": new}  # line: pricing


@shop.on(Named)
def named(event: Named, _recorded: RecordedEvent) -> Iterator[Write]:
    """Change what a row is known by."""
    yield rename, {"of": event.name, "new": event.other}  # line: named


@shop.on(Dropped)
def dropped(event: Dropped, _recorded: RecordedEvent) -> list[Write]:  # line: dropped
    """Return writes without yielding them."""
    return [(drop, {"of": event.name})]


@shop.on(AllPriced)
def all_priced(event: AllPriced, _recorded: RecordedEvent) -> Iterator[Write]:
    """Change every row at once."""
    yield (  # line: all priced
        price_all,
        {"new": event.price},
    )


@shop.on(Tagged, reads=True)
def tagged(event: Tagged, _recorded: RecordedEvent, connection: Connection) -> None:
    """Read before writing, in a loop, with the help of others."""
    found = connection.execute(select(things.c.id).where(things.c.name == event.name)).scalar_one()
    for place, tag in enumerate(event.tags):
        if place % 2:
            row = {"thing": found, "tag": tag, "place": place}
            connection.execute(insert(tags), row)  # line: odd tag
        else:
            write_tag(connection, found, tag, place)  # line: asks for a tag


def write_tag(connection: Connection, thing: int, tag: str, place: int) -> None:
    """Write one tag."""
    connection.execute(insert(tags), {"thing": thing, "tag": tag, "place": place})  # line: even tag


@shelf.on(Put)
def put_there(event: Put, _recorded: RecordedEvent) -> Iterator[Write]:
    """Replace a row."""
    for _ in range(2):
        yield replace, msgspec.structs.asdict(event)  # line: put


@shelf.on(Named)
def put_elsewhere(event: Named, _recorded: RecordedEvent) -> Iterator[Write]:
    """Give a row another key."""
    yield move, {"of": event.name, "new": event.other}  # line: moved


@till.on(Sold)
def sold(event: Sold, _recorded: RecordedEvent) -> Iterator[Write]:
    """Write a row that is like others, and count."""
    yield insert(sales), {"name": event.name, "count": event.count}  # line: sold
    yield count, {"name": event.name, "count": event.count}  # line: counted


def noting(
    handler: Callable[[Stocked, RecordedEvent, Connection], None],
) -> Callable[[Stocked, RecordedEvent, Connection], None]:
    """Return *handler*, decorated."""

    @wraps(handler)
    def noted(event: Stocked, recorded: RecordedEvent, connection: Connection) -> None:
        handler(event, recorded, connection)

    return noted


@till.on(Stocked, reads=True)
@noting
def stocked(event: Stocked, _recorded: RecordedEvent, connection: Connection) -> None:
    """Write by SQLAlchemy, or past it."""
    if event.by == "driver":
        cursor = connection.connection.cursor()
        cursor.execute("INSERT INTO sale VALUES (?, 0)", (event.name,))
        cursor.close()
    else:
        connection.execute(insert(sales), [{"name": event.name, "count": 0}])  # line: stocked


@shop.on(Rejected)
def rejected(event: Rejected, _recorded: RecordedEvent) -> Iterator[Write]:
    """Fail after a write."""
    yield price_all, {"new": 13}
    raise ValueError(event)


application = Application(name="shop", schema=schema, projections=(shop, shelf, till))


def line(name: str) -> int:
    """Return the number of the line of this file that is called *name*."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    [found] = [number for number, text in enumerate(lines, 1) if text.endswith(f"# line: {name}")]
    return found


async def happened(store: MemoryStore, *values: object, stream: str = "thing-1") -> History:
    """Append one event for each of *values*; return all that has happened."""
    for value in values:
        await store.append(stream, [schema.encode(value)])
    return History(store, await store.head())
