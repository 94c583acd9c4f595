"""A payment that was never recorded, because somebody swallowed a conflict.

A bank numbers its notices, and the service records each on the account it is for, with the revision
it had seen. Another writer comes in between; the append is refused; the service takes every error
of the domain for a repeated notice, answers 200, and the bank sends that notice no more.
Nothing that is recorded is wrong. What is missing shows at the next notice: its number is too high.
Guilty is the `notice-received` behind the gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select

from backstory import (
    BACKWARDS,
    Application,
    BackstoryError,
    Check,
    EventStore,
    EventType,
    Projection,
    Read,
    RecordedEvent,
    Schema,
)
from backstory.projections.projection import Write
from tests.planted.production import found, keep_up, record, running

LOST: Final = 118


class Noticed(msgspec.Struct, frozen=True):
    """The bank told of a payment."""

    number: int
    account: str
    cents: int


class Renamed(msgspec.Struct, frozen=True):
    """An account is called otherwise."""

    name: str


metadata = MetaData()
notice_table = Table(
    "notice",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("account", String(20), nullable=False),
    Column("cents", Integer, nullable=False),
)
_insert: Final = insert(notice_table)
payments: Final = Projection("payments", tables=[notice_table])


@payments.on(Noticed)
def noticed(event: Noticed, _: RecordedEvent) -> Iterator[Write]:
    """Write the payment down."""
    yield _insert, {"number": event.number, "account": event.account, "cents": event.cents}


def without_gaps(connection: Connection) -> bool:
    """Answer whether every notice is there, up to the last one."""
    count, last = connection.execute(
        select(func.count(), func.coalesce(func.max(notice_table.c.number), 0))
    ).one()
    assert count == last, f"there are {count} notices, and the last one is number {last}"
    return True


app: Final = Application(
    name="payments",
    schema=Schema(EventType("notice-received", Noticed), EventType("account-renamed", Renamed)),
    projections=(payments,),
    checks=(Check("no notice is missing", without_gaps),),
)


class Service:
    """Takes the bank's notices."""

    def __init__(self, store: EventStore) -> None:
        """Record in *store*."""
        self._store = store

    async def seen(self, account: str) -> int | None:
        """Return the last revision of an account."""
        query = Read(stream=f"account-{account}", direction=BACKWARDS, limit=1)
        page = await self._store.read(query)
        return page[0].revision if page else None

    async def take(self, notice: Noticed, seen: int | None) -> None:
        """Record a notice, where the account was *seen* at a revision."""
        stream = f"account-{notice.account}"
        with suppress(BackstoryError):  # the bug: not only a notice that was there already
            encoded = [app.schema.encode(notice)]
            if seen is None:
                await self._store.append(stream, encoded)
            else:
                await self._store.append(stream, encoded, expected=seen)


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Take notices; let somebody rename an account at the wrong moment."""
    async with running(store_url, read_model_url) as (store, model):
        service = Service(store)
        for number in range(1, 240):
            account = f"{number % 12}"
            seen = await service.seen(account)
            if number in {60, LOST}:
                # At 60 it is another account, which does no harm.
                renamed = account if number == LOST else f"{(number + 1) % 12}"
                await record(app, store, f"account-{renamed}", Renamed("household"))
            await service.take(Noticed(number, account, 100 + number), seen)
        await keep_up(app, store, model)


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the notice behind the one that is missing."""
    number = b'"number":%d,' % (LOST + 1)
    return await found(store, lambda event: number in event.data)
