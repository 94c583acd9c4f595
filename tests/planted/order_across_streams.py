"""Bookings that are lost when they are recorded before the show that they are for.

Shows are scheduled in streams of their own, bookings too. A handler counts each booking of a show.
It counts on the show being there already, which nobody promised: between streams there is no order.
A partner's system books for a show whose own event comes a moment later, and is not counted.
Guilty is that one `seat-booked`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

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


class Scheduled(msgspec.Struct, frozen=True):
    """There will be a show."""

    show: str
    seats: int


class Booked(msgspec.Struct, frozen=True):
    """Somebody booked a seat."""

    booking: str
    show: str


metadata = MetaData()
show_table = Table(
    "show",
    metadata,
    Column("show", String(40), primary_key=True),
    Column("seats", Integer, nullable=False),
    Column("sold", Integer, nullable=False),
)
booking_table = Table(
    "booking",
    metadata,
    Column("booking", String(40), primary_key=True),
    Column("show", String(40), nullable=False),
)
_insert_show: Final = insert(show_table)
_insert_booking: Final = insert(booking_table)
_sell: Final = (
    update(show_table)
    .where(show_table.c.show == bindparam("of"))
    .values(sold=show_table.c.sold + 1)
)
box_office: Final = Projection("box-office", tables=[show_table, booking_table])


@box_office.on(Scheduled)
def scheduled(event: Scheduled, _: RecordedEvent) -> Iterator[Write]:
    """Offer the show."""
    yield _insert_show, {"show": event.show, "seats": event.seats, "sold": 0}


@box_office.on(Booked)
def booked(event: Booked, _: RecordedEvent) -> Iterator[Write]:
    """Sell a seat."""
    yield _insert_booking, {"booking": event.booking, "show": event.show}
    yield _sell, {"of": event.show}  # the bug: where there is no show yet, nothing is counted


def sold_is_booked(connection: Connection) -> bool:
    """Answer whether as many seats are sold as are booked."""
    bookings = connection.execute(select(func.count()).select_from(booking_table)).scalar_one()
    sold = connection.execute(select(func.coalesce(func.sum(show_table.c.sold), 0))).scalar_one()
    assert bookings == sold, f"{bookings} seats are booked, {sold} are sold"
    return True


app: Final = Application(
    name="theatre",
    schema=Schema(EventType("show-scheduled", Scheduled), EventType("seat-booked", Booked)),
    projections=(box_office,),
    checks=(Check("as many seats are sold as are booked", sold_is_booked),),
)


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Run the box office, and the partner's."""
    async with running(store_url, read_model_url) as (store, model):
        for number in range(20):
            await record(app, store, f"show-{number}", Scheduled(f"{number}", 100))
        for number in range(170):
            show = f"{number % 20}"
            await record(app, store, f"booking-{number}", Booked(f"{number}", show))
        await keep_up(app, store, model)
        await record(app, store, "booking-partner", Booked("partner", "premiere"))
        await record(app, store, "show-premiere", Scheduled("premiere", 10))
        for number in range(170, 230):
            show = "premiere" if number % 10 == 0 else f"{number % 20}"
            await record(app, store, f"booking-{number}", Booked(f"{number}", show))
        await keep_up(app, store, model)


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the booking that came first."""
    return await found(store, lambda event: event.stream == "booking-partner")
