"""Trials that last longer than anybody promised, because a handler asks for today's date.

A trial begins when it is recorded and lasts thirty days; some are extended by ten days.
The handler of extensions adds ten days to today. While the worker keeps up, today is the day of
the event, and all is well. Months later somebody builds the read model anew.
Trials that were extended last until ten days from then.
Guilty is the first `trial-extended`: what it writes depends on when it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
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
    EventStore,
    EventType,
    Projection,
    Read,
    RecordedEvent,
    Schema,
    UtcDateTime,
)
from backstory.projections.projection import Write
from tests.planted.production import keep_up, record, running

LASTS: Final = timedelta(days=30)
MORE: Final = timedelta(days=10)


class Began(msgspec.Struct, frozen=True):
    """Somebody tries the product."""

    customer: str


class Extended(msgspec.Struct, frozen=True):
    """Somebody needs ten days more, from the day on which they ask."""

    customer: str


metadata = MetaData()
trial_table = Table(
    "trial",
    metadata,
    Column("customer", String(20), primary_key=True),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
)
_insert: Final = insert(trial_table)
_extend: Final = (
    update(trial_table)
    .where(trial_table.c.customer == bindparam("of"))
    .values(ends_at=bindparam("end"))
)
trials: Final = Projection("trials", tables=[trial_table])


@trials.on(Began)
def began(event: Began, recorded: RecordedEvent) -> Iterator[Write]:
    """Let the trial begin."""
    moment = recorded.recorded_at
    yield _insert, {"customer": event.customer, "began_at": moment, "ends_at": moment + LASTS}


@trials.on(Extended)
def extended(event: Extended, _: RecordedEvent) -> Iterator[Write]:
    """Let the trial go on for a while."""
    yield _extend, {"of": event.customer, "end": datetime.now(UTC) + MORE}  # the bug


def ends_in_time(connection: Connection) -> bool:
    """Answer whether no trial lasts longer than a trial and an extension on its last day."""
    for customer, start, end in connection.execute(select(trial_table)):
        assert end - start <= LASTS + MORE, f"the trial of {customer} lasts {(end - start).days} d"
    return True


app: Final = Application(
    name="trials",
    schema=Schema(EventType("trial-began", Began), EventType("trial-extended", Extended)),
    projections=(trials,),
    checks=(Check("no trial lasts longer than forty days", ends_in_time),),
)


class Then:
    """The clock of last year: an hour goes by with each event."""

    def __init__(self) -> None:
        """Begin two hundred days ago."""
        self._now = datetime.now(UTC) - timedelta(days=200)

    def __call__(self) -> datetime:
        """Return the time then."""
        self._now += timedelta(hours=1)
        return self._now


async def plant(store_url: str, read_model_url: str | None = None) -> None:
    """Let trials begin last year, and the read model be built anew today."""
    async with running(store_url, read_model_url, clock=Then()) as (store, model):
        for number in range(250):
            await record(app, store, f"trial-{number}", Began(f"{number}"))
            if number in {140, 141, 200}:
                await record(app, store, f"trial-{number - 50}", Extended(f"{number - 50}"))
        await keep_up(app, store, model)


async def guilty(store: EventStore) -> RecordedEvent:
    """Return the first extension."""
    [first] = await store.read(Read(types=("trial-extended",), limit=1))
    return first
