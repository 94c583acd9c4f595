"""A small application the tests of projections share: members join, are renamed and leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from backstory.core.clock import Clock
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.schema import EventType, Schema
from backstory.core.store import EventStore
from backstory.projections.columns import UtcDateTime
from backstory.projections.database import Values
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker

DATABASES = ("sqlite", "postgresql")
"""Where read models live; what a test of the fixture `read_model` says is true of each."""

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Joined(msgspec.Struct, frozen=True):
    """Somebody became a member."""

    name: str
    at: datetime


class Renamed(msgspec.Struct, frozen=True):
    """A member is called otherwise now."""

    name: str
    full_name: str


class Left(msgspec.Struct, frozen=True):
    """A member is one no more."""

    name: str


class Noted(msgspec.Struct, frozen=True):
    """Something no projection of members cares about."""

    text: str


schema = Schema(
    EventType("joined", Joined),
    EventType("renamed", Renamed),
    EventType("left", Left),
    EventType("noted", Noted),
)

metadata = MetaData()
member_table = Table(
    "member",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("full_name", String(100), nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("renamed", Integer, nullable=False),
)

insert_member = insert(member_table)
rename_member = (
    update(member_table)
    .where(member_table.c.name == bindparam("who"))
    .values(full_name=bindparam("new_name"), renamed=member_table.c.renamed + 1)
)
delete_member = delete(member_table).where(member_table.c.name == bindparam("who"))
_all_members = select(*member_table.c).order_by(member_table.c.id)


def members_projection(name: str = "members") -> Projection:
    """Return the projection of members, made anew."""
    members = Projection(name, tables=[member_table])

    @members.on(Joined)
    def joined(event: Joined, recorded: RecordedEvent) -> Iterator[Write]:
        yield (
            insert_member,
            {
                "name": event.name,
                "full_name": event.name.title(),
                "joined_at": event.at,
                "recorded_at": recorded.recorded_at,
                "renamed": 0,
            },
        )

    @members.on(Renamed)
    def renamed(event: Renamed, _recorded: RecordedEvent) -> Iterator[Write]:
        yield rename_member, {"who": event.name, "new_name": event.full_name}

    @members.on(Left)
    def left(event: Left, _recorded: RecordedEvent) -> Iterator[Write]:
        yield delete_member, {"who": event.name}

    return members


def steady_clock() -> Clock:
    """Return a clock that goes on by a second each time it is read."""
    now = START

    def clock() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    return clock


def join(name: str) -> NewEvent:
    """Return the event that *name* joined."""
    return schema.encode(Joined(name, START))


async def join_all(store: EventStore, names: Sequence[str]) -> int:
    """Append one event for each name, in a stream of its own; return the last position."""
    position = 0
    for name in names:
        position = (await store.append(f"member-{name}", [join(name)])).position
    return position


async def append(store: EventStore, stream: str, *values: object) -> int:
    """Append *values* to *stream* and return the position."""
    return (await store.append(stream, [schema.encode(value) for value in values])).position


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as *condition* holds."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event to wait on
        await asyncio.sleep(0.002)  # and let threads have the interpreter


async def members_of(read_model: ReadModel) -> Sequence[Values]:
    """Return all rows of the member table, in the order of their ids."""
    return await read_model.all(_all_members)


async def names_of(read_model: ReadModel) -> list[object]:
    """Return the names in the member table, in the order of their ids."""
    return [row[1] for row in await members_of(read_model)]


def worker_of(
    store: EventStore,
    read_model: ReadModel,
    projection: Projection | None = None,
    page: int = 1_000,
) -> Worker:
    """Return a worker of the projection of members."""
    followed = projection or members_projection()
    return Worker(followed, schema=schema, store=store, read_model=read_model, page=page)
