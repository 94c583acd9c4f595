"""A seat that is sold twice, because the read model was asked that had not heard of the first sale.

The box office asks the read model whether a seat is free, and then records that it is taken, in a
stream of the ticket's own. It also notes in the metadata how far the read model had come.
During a deployment the worker stands still for a while. Two people get the same seat.
When the worker is back, both tickets are in the read model.
Guilty is the second `seat-taken`; the read model it was decided on did not show the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
)

from backstory import (
    Application,
    Check,
    EventStore,
    EventType,
    Projection,
    ReadModel,
    RecordedEvent,
    Schema,
)
from backstory.projections.projection import Write
from tests.planted.production import found, keep_up, running

SAW: Final = "sawSeats"
"""The metadata that says how far the read model had come that was asked."""


class Taken(msgspec.Struct, frozen=True):
    """Somebody has a ticket for a seat."""

    ticket: str
    seat: str


metadata = MetaData()
seat_table = Table(
    "seat",
    metadata,
    Column("ticket", String(20), primary_key=True),
    Column("seat", String(20), nullable=False),
)
_insert: Final = insert(seat_table)
_tickets_of: Final = select(seat_table.c.ticket).where(seat_table.c.seat == bindparam("wanted"))
seats: Final = Projection("seats", tables=[seat_table])


@seats.on(Taken)
def taken(event: Taken, _: RecordedEvent) -> Iterator[Write]:
    """Show that the seat is taken."""
    yield _insert, {"ticket": event.ticket, "seat": event.seat}


def once(connection: Connection) -> bool:
    """Answer whether each seat is sold once."""
    columns = seat_table.c
    twice = select(columns.seat).group_by(columns.seat).having(func.count() > 1)
    found_twice = connection.execute(twice).scalars().all()
    assert not found_twice, f"sold more than once: {found_twice}"
    return True


app: Final = Application(
    name="box-office",
    schema=Schema(EventType("seat-taken", Taken)),
    projections=(seats,),
    checks=(Check("a seat is sold once", once),),
)


async def sell(store: EventStore, model: ReadModel, ticket: str, seat: str) -> bool:
    """Sell a seat that the read model shows as free, as the service does; say whether it was."""
    saw = await model.checkpoint(seats.name)
    if await model.one(_tickets_of, {"wanted": seat}) is not None:
        return False
    event = app.schema.encode(Taken(ticket, seat), metadata={SAW: saw})  # the bug: on old rows
    await store.append(f"ticket-{ticket}", [event])
    return True


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Sell, deploy, and sell meanwhile."""
    async with running(store_url, read_model_url) as (store, model):
        await model.prepare(seats)
        for number in range(150):
            await sell(store, model, f"{number}", f"row {number // 20} seat {number % 20}")
            if number % 10 == 0:
                await keep_up(app, store, model)
        await keep_up(app, store, model)
        # The deployment: nobody keeps up.
        await sell(store, model, "ann", "row 9 seat 1")
        for number in range(150, 160):
            await sell(store, model, f"{number}", f"row 10 seat {number}")
        await sell(store, model, "bob", "row 9 seat 1")
        await keep_up(app, store, model)
        for number in range(160, 220):
            await sell(store, model, f"{number}", f"row 11 seat {number}")
        assert not await sell(store, model, "cleo", "row 9 seat 1")
        await keep_up(app, store, model)


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the second ticket for the seat."""
    return await found(store, lambda event: event.stream == "ticket-bob")
