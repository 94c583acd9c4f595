"""An application that does all that an application can do: a shop that sells and regrets.

Its events have old versions and old names. Its projections stop, park, read before they write,
number their rows, point from table to table, and share streams among partitions. Rows that are
numbered belong to projections that never fail: PostgreSQL does not give the numbers of what failed
back, so there they say how often somebody tried. Their tables are declared with AUTOINCREMENT, so
that SQLite gives the number of a deleted row no second time, as PostgreSQL does not.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from backstory.application import Application
from backstory.core.events import RecordedEvent
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Decider
from backstory.projections.columns import UtcDateTime
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write


class Listed(msgspec.Struct, frozen=True):
    """An item can be had."""

    sku: str
    cents: int
    active: bool


class Priced(msgspec.Struct, frozen=True):
    """An item has another price."""

    sku: str
    cents: int


class Withdrawn(msgspec.Struct, frozen=True):
    """An item can be had no more."""

    sku: str


class Placed(msgspec.Struct, frozen=True):
    """Somebody ordered: items, each so many times."""

    order: str
    lines: tuple[tuple[str, int], ...]


class Cancelled(msgspec.Struct, frozen=True):
    """Somebody thought better of it."""

    order: str


class Noted(msgspec.Struct, frozen=True):
    """Somebody wrote something down."""

    text: str


def in_cents(data: dict[str, object]) -> dict[str, object]:
    """Read listings of the first version, with prices in whole euros and nothing inactive."""
    return {"sku": data["sku"], "cents": int(str(data["euros"])) * 100, "active": True}


def counted(data: dict[str, object]) -> dict[str, object]:
    """Read orders of the first version, which were of one piece."""
    return {**data, "count": 1}


def in_lines(data: dict[str, object]) -> dict[str, object]:
    """Read orders of the second version, which were of one item."""
    return {"order": data["order"], "lines": [[data["sku"], data["count"]]]}


schema = Schema(
    EventType("item-listed", Listed, version=2, upcasters={1: in_cents}),
    EventType("item-priced", Priced, formerly=("price-set",)),
    EventType("item-withdrawn", Withdrawn),
    EventType("order-placed", Placed, version=3, upcasters={1: counted, 2: in_lines}),
    EventType("order-cancelled", Cancelled),
    EventType("noted", Noted),
)

metadata = MetaData()
item_table = Table(
    "item",
    metadata,
    Column("sku", String(20), primary_key=True),
    Column("cents", Integer, CheckConstraint("cents > 0"), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("listed_at", UtcDateTime, nullable=False),
    Column("day", Date),
    Column("origin", JSON),
)
order_table = Table(
    "order",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("placed_at", UtcDateTime, nullable=False),
)
line_table = Table(
    "order_line",
    metadata,
    Column("order", ForeignKey(order_table.c.name), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sku", String(20), nullable=False),
    Column("count", Integer, nullable=False),
)
entry_table = Table(
    "entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sku", String(20), nullable=False),
    Column("position", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
sale_table = Table(
    "sale",
    metadata,
    Column("sku", String(20), primary_key=True),
    Column("sold", Integer, nullable=False),
    Column("share", Float),
)
receipt_table = Table(
    "receipt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order", String(20), nullable=False),
    Column("pieces", Integer),
    sqlite_autoincrement=True,
)
seen_table = Table(
    "seen",
    metadata,
    Column("stream", String(50), primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("latest", Boolean, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

pick_table = Table(
    "pick",
    metadata,
    Column("order", String(20), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# One that parks what it cannot apply.

catalogue = Projection("catalogue", tables=[item_table], on_failure=Park())

_insert_item = insert(item_table)
_price_item = (
    update(item_table).where(item_table.c.sku == bindparam("of")).values(cents=bindparam("price"))
)


@catalogue.on(Listed)
def _listed(event: Listed, recorded: RecordedEvent) -> Iterator[Write]:
    moment = recorded.recorded_at
    yield (
        _insert_item,
        {
            "sku": event.sku,
            "cents": event.cents,
            "active": event.active,
            "listed_at": moment,
            "day": moment.date() if event.active else None,
            "origin": {"stream": recorded.stream, "at": [recorded.revision, None]},
        },
    )


@catalogue.on(Priced)
def _priced(event: Priced, _: RecordedEvent) -> Iterator[Write]:
    yield _price_item, {"of": event.sku, "price": event.cents}


@catalogue.on(Withdrawn)
def _withdrawn(event: Withdrawn, _: RecordedEvent) -> Iterator[Write]:
    yield delete(item_table).where(item_table.c.sku == event.sku)


# One that stops, with two tables and a foreign key.

orders = Projection("orders", tables=[order_table, line_table])

_insert_order = insert(order_table)
_insert_line = insert(line_table)
_delete_lines = delete(line_table).where(line_table.c.order == bindparam("of"))
_delete_order = delete(order_table).where(order_table.c.name == bindparam("of"))


@orders.on(Placed)
def _placed(event: Placed, recorded: RecordedEvent) -> Iterator[Write]:
    yield _insert_order, {"name": event.order, "placed_at": recorded.recorded_at}
    for number, (sku, count) in enumerate(event.lines):
        if sku == "ghost":
            message = "nobody sells ghosts"
            raise ValueError(message)
        row = {"order": event.order, "number": number, "sku": sku, "count": count}
        yield _insert_line, row


@orders.on(Cancelled)
def _cancelled(event: Cancelled, _: RecordedEvent) -> Iterator[Write]:
    yield _delete_lines, {"of": event.order}
    yield _delete_order, {"of": event.order}


# One that numbers its rows, and lets some of them go.

journal = Projection("journal", tables=[entry_table])

_insert_entry = insert(entry_table)


@journal.on(Listed)
def _entered(event: Listed, recorded: RecordedEvent) -> Iterator[Write]:
    for _ in range(2):
        yield _insert_entry, {"sku": event.sku, "position": recorded.position}


@journal.on(Withdrawn)
def _crossed_out(event: Withdrawn, _: RecordedEvent) -> Iterator[Write]:
    yield delete(entry_table).where(entry_table.c.sku == event.sku)


# One that reads before it writes.

sales = Projection("sales", tables=[sale_table, receipt_table])


@sales.on(Placed, reads=True)
def _sold(event: Placed, _: RecordedEvent, connection: Connection) -> None:
    for sku, count in event.lines:
        mine = sale_table.c.sku == sku
        before = connection.execute(select(sale_table.c.sold).where(mine)).scalar()
        if before is None:
            connection.execute(insert(sale_table), {"sku": sku, "sold": count})
        else:
            connection.execute(update(sale_table).where(mine).values(sold=before + count))
    total = connection.execute(select(func.sum(sale_table.c.sold))).scalar() or 0
    shares = sale_table.c.sold * 1.0 / max(total, 1)
    connection.execute(update(sale_table).values(share=shares))
    pieces = sum(count for _, count in event.lines)
    connection.execute(insert(receipt_table), {"order": event.order, "pieces": pieces})


@sales.on(Cancelled)
def _returned(event: Cancelled, _: RecordedEvent) -> Iterator[Write]:
    yield delete(receipt_table).where(receipt_table.c.order == event.order)


@sales.on(Noted, reads=True)
def _closed_out(event: Noted, _: RecordedEvent, connection: Connection) -> None:
    if event.text == "double":
        rows = connection.execute(select(receipt_table.c.order)).scalars().all()
        copies = [{"order": order, "pieces": None} for order in rows[:3]]
        if copies:
            connection.execute(insert(receipt_table), copies)


# One of several partitions, which parks as well.

activity = Projection("activity", tables=[seen_table], partitions=3, on_failure=Park())

_insert_seen = insert(seen_table)
_no_more_the_latest = (
    update(seen_table)
    .where(seen_table.c.stream == bindparam("of"), seen_table.c.revision < bindparam("at"))
    .values(latest=False)
)


def _seen(event: object, recorded: RecordedEvent) -> Iterator[Write]:
    yield _no_more_the_latest, {"of": recorded.stream, "at": recorded.revision}
    if isinstance(event, Placed) and len(event.lines) > 2:
        message = "too much at once"
        raise ValueError(message)
    row = {"stream": recorded.stream, "revision": recorded.revision, "latest": True}
    yield _insert_seen, {**row, "raw": recorded.data}


for _type in (Listed, Priced, Placed, Cancelled):
    activity.on(_type)(_seen)


# One of several partitions that stop, each by itself.

picking = Projection("picking", tables=[pick_table], partitions=3)


@picking.on(Placed)
def _picked(event: Placed, recorded: RecordedEvent) -> Iterator[Write]:
    yield insert(pick_table), {"order": event.order, "position": recorded.position}


@picking.on(Cancelled)
def _put_back(event: Cancelled, _: RecordedEvent) -> Iterator[Write]:
    yield delete(pick_table).where(pick_table.c.order == event.order)


def _evolve(state: int, _: object) -> int:
    return state + 1


_counted: Decider[object, object, int] = Decider(initial=0, decide=lambda _, __: (), evolve=_evolve)

APPLICATION = Application(
    name="shop",
    schema=schema,
    deciders={"item": _counted, "order": _counted},
    projections=(catalogue, orders, journal, sales, activity, picking),
)
