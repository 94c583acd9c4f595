"""An application for tests of workers: what is applied, by whom, in which order; and held up.

An event may name a file to be held up at: its handler makes FILE.reached, and waits until FILE is
gone. So a test knows that a process is in the middle of a batch, and keeps it there.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, insert

from backstory import (
    Application,
    EventType,
    NewEvent,
    Park,
    Projection,
    Reactor,
    RecordedEvent,
    Schema,
)
from backstory.projections.projection import Write


class Counted(msgspec.Struct, frozen=True):
    """Something was counted; `hold` names the file to be held up at, `told` one to write to."""

    number: int
    hold: str | None = None
    told: str | None = None


class Spoilt(msgspec.Struct, frozen=True):
    """What no handler can apply as long as the file `while_there` exists."""

    while_there: str


schema = Schema(EventType("counted", Counted), EventType("spoilt", Spoilt))
applied_table = Table(
    "applied",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False, unique=True),
    Column("stream", String(100), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("process", Integer, nullable=False),
)
add = insert(applied_table)
tally = Projection("tally", tables=[applied_table], partitions=4)
telling = Reactor("telling", from_beginning=True)
parking = Projection(
    "parking",
    tables=[Table("parked_here", MetaData(), Column("position", Integer, primary_key=True))],
    on_failure=Park(),
)


def held_up(file: str) -> Iterator[float]:
    """Say that *file* was reached, and yield waiting times until it is gone."""
    Path(f"{file}.reached").touch()
    while Path(file).exists():
        yield 0.01


@tally.on(Counted)
def counted(event: Counted, recorded: RecordedEvent) -> Iterator[Write]:
    """Note who applied the event."""
    for seconds in held_up(event.hold) if event.hold else ():
        time.sleep(seconds)
    row = {"position": recorded.position, "stream": recorded.stream}
    yield add, {**row, "revision": recorded.revision, "process": os.getpid()}


@telling.on(Counted)
async def tell(event: Counted, recorded: RecordedEvent, key: UUID) -> None:
    """Write a line to a file, as one would send a mail."""
    if event.told is None:
        return
    with Path(event.told).open("a", encoding="utf-8") as file:  # noqa: ASYNC230 - a short line
        file.write(f"{recorded.position} {key}\n")
    for seconds in held_up(event.hold) if event.hold else ():
        await asyncio.sleep(seconds)


@parking.on(Spoilt)
def spoilt(event: Spoilt, recorded: RecordedEvent) -> Iterator[Write]:
    """Fail as long as the file is there."""
    if Path(event.while_there).exists():
        message = f"{event.while_there} is in the way"
        raise RuntimeError(message)
    yield insert(parking.tables[0]), {"position": recorded.position}


application = Application(
    name="working", schema=schema, projections=(tally, parking), reactors=(telling,)
)


def count(number: int, *, hold: Path | None = None, told: Path | None = None) -> NewEvent:
    """Return the event of *number*, at which handlers are held up while *hold* is there."""
    if hold is not None:
        hold.touch()
    return schema.encode(
        Counted(number, None if hold is None else str(hold), None if told is None else str(told))
    )
