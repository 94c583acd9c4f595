"""A small application with bugs, for the commands of the time machine: purses, and money in them.

An amount of 13 cannot be handled by the projection, one of 666 cannot be folded; a purse may go
into debt, which a check forbids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
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
    insert,
    select,
    update,
)

from backstory import (
    Application,
    Check,
    Decider,
    EventType,
    NewEvent,
    Projection,
    RecordedEvent,
    Schema,
    open_store,
)
from backstory.projections.projection import Write

APP: Final = "tests.services.purses:app"


class Opened(msgspec.Struct, frozen=True):
    """Somebody has a purse."""

    owner: str


class Paid(msgspec.Struct, frozen=True):
    """Money came in, or went out."""

    amount: int
    note: str = ""


schema = Schema(EventType("opened", Opened), EventType("paid", Paid))
purse = Table(
    "purse",
    MetaData(),
    Column("stream", String(100), primary_key=True),
    Column("owner", String(100), nullable=False),
    Column("total", Integer, nullable=False),
)
_open = insert(purse)
_pay = (
    update(purse)
    .where(purse.c.stream == bindparam("of"))
    .values(total=purse.c.total + bindparam("amount"))
)
purses = Projection("purses", tables=[purse])


@purses.on(Opened)
def opened(event: Opened, recorded: RecordedEvent) -> Iterator[Write]:
    """Add the purse."""
    yield _open, {"stream": recorded.stream, "owner": event.owner, "total": 0}


@purses.on(Paid)
def paid(event: Paid, recorded: RecordedEvent) -> Iterator[Write]:
    """Change its total."""
    if event.amount == 13:
        message = "thirteen brings bad luck"
        raise ValueError(message)
    yield _pay, {"of": recorded.stream, "amount": event.amount}


def evolve(total: int | None, event: Opened | Paid) -> int | None:
    """Return the total after *event*."""
    if isinstance(event, Opened):
        return 0
    if event.amount == 666:
        message = "nobody can count that far"
        raise OverflowError(message)
    return (total or 0) + event.amount


class Split(msgspec.Struct, frozen=True):
    """Take out an equal share."""

    people: int


def decide(command: Split, total: int | None) -> Iterator[Paid]:
    """Yield the share; divides by nobody."""
    yield Paid(-(0 if total is None else total) // command.people)


decider: Final[Decider[Split, Opened | Paid, int | None]] = Decider(
    initial=None, decide=decide, evolve=evolve
)


def in_debt(connection: Connection) -> bool:
    """Say whether no purse is in debt."""
    owners = connection.execute(select(purse.c.owner).where(purse.c.total < 0)).scalars().all()
    if owners:
        message = f"{', '.join(owners)} owes money"
        raise AssertionError(message)
    return True


def not_negative(total: int | None) -> bool:
    """Say whether a purse holds nothing or more."""
    return total is None or total >= 0


def unknowable(_: Connection) -> bool:
    """Raise: the check itself is broken."""
    return 1 // 0 == 1


app: Final = Application(
    name="purses",
    schema=schema,
    deciders={"purse": decider},
    projections=(purses,),
    checks=(
        Check("nobody is in debt", in_debt),
        Check("no total is negative", not_negative, "purse"),
    ),
)
doubtful: Final = msgspec.structs.replace(app, checks=(Check("who knows", unknowable),))


def stored(place: Path | str, happened: Sequence[tuple[str, object]]) -> str:
    """Append what *happened* to a store, one by one; return its URL."""
    url = f"sqlite:///{place}" if isinstance(place, Path) else place

    async def fill() -> None:
        store = await open_store(url)
        for number, (owner, event) in enumerate(happened):
            new: NewEvent = schema.encode(event, metadata={"$correlationId": f"request-{number}"})
            await store.append(f"purse-{owner}", [new])
        await store.close()

    asyncio.run(fill())
    return url


FOUR: Final = (
    ("ann", Opened("Ann")),
    ("bob", Opened("Bob")),
    ("ann", Paid(10, "wages")),
    ("bob", Paid(-5, "rent")),
)
"""Four events, the last of which puts Bob into debt."""
