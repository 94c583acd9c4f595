"""Orders of long ago that cost a hundred times what they did.

The first release stored prices in units of their currency; the second stores the smallest unit,
and has an upcaster for what is there: times a hundred. The read model is built anew.
One of the old orders was in yen, which has nothing smaller: it costs a hundred times as much now,
while its lines, in another field, were in yen then and still are.
Guilty is that one old `order-placed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

import msgspec
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from backstory import (
    Application,
    Check,
    EventStore,
    EventType,
    Projection,
    RecordedEvent,
    Schema,
)
from backstory.projections.projection import Write
from tests.planted.production import found, keep_up, record, running


class PlacedFirst(msgspec.Struct, frozen=True):
    """An order as the first release stored it."""

    order: str
    currency: str
    total: int
    lines: list[int]


class Placed(msgspec.Struct, frozen=True):
    """An order: its total, and the price of each line, in the smallest unit of its currency."""

    order: str
    currency: str
    total: int
    lines: list[int]


def in_smallest_units(data: dict[str, object]) -> dict[str, object]:
    """Read an order of the first release."""
    lines = cast("list[int]", data["lines"])
    total = cast("int", data["total"])
    factor = 1 if data["currency"] == "JPY" else 100
    # The bug: the total of an order in yen is multiplied as well.
    return {**data, "total": total * 100, "lines": [line * factor for line in lines]}


metadata = MetaData()
order_table = Table(
    "orders",
    metadata,
    Column("order", String(20), primary_key=True),
    Column("currency", String(3), nullable=False),
    Column("total", Integer, nullable=False),
    Column("of_lines", Integer, nullable=False),
)
_insert: Final = insert(order_table)
orders: Final = Projection("orders", tables=[order_table])


@orders.on(Placed)
def placed(event: Placed, _: RecordedEvent) -> Iterator[Write]:
    """Write the order down."""
    yield (
        _insert,
        {
            "order": event.order,
            "currency": event.currency,
            "total": event.total,
            "of_lines": sum(event.lines),
        },
    )


def costs_its_lines(connection: Connection) -> bool:
    """Answer whether each order costs what its lines cost."""
    columns = order_table.c
    wrong = connection.execute(select(columns.order).where(columns.total != columns.of_lines))
    found_wrong = wrong.scalars().all()
    assert not found_wrong, f"orders that do not cost what their lines cost: {found_wrong}"
    return True


first_release: Final = Schema(EventType("order-placed", PlacedFirst))
app: Final = Application(
    name="shop",
    schema=Schema(
        EventType("order-placed", Placed, version=2, upcasters={1: in_smallest_units}),
    ),
    projections=(orders,),
    checks=(Check("an order costs what its lines cost", costs_its_lines),),
)


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Run the first release, then the second one."""
    async with running(store_url, read_model_url) as (store, model):
        for number in range(150):
            currency = "JPY" if number == 97 else ("EUR", "USD")[number % 2]
            order = PlacedFirst(f"{number}", currency, 30 + number, [10, 20 + number])
            await store.append(f"order-{number}", [first_release.encode(order)])
        for number in range(150, 260):
            currency = ("EUR", "USD", "JPY")[number % 3]
            placed_now = Placed(f"{number}", currency, 3000 + number, [1000, 2000 + number])
            await record(app, store, f"order-{number}", placed_now)
        await keep_up(app, store, model)


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the old order in yen."""
    return await found(store, lambda event: event.stream == "order-97")
