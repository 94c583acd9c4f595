"""A process to be killed: follows a fixed history in tiny batches. Run it with a URL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from sqlalchemy import (
    Column,
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

from backstory.core.events import RecordedEvent
from backstory.projections.database import Values
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.tables import checkpoint_table
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import Noted, append, schema, steady_clock

EVENTS = 6_000
STREAMS = 10
PAGE = 3

# No unique key and a sum: an event applied twice, or not at all, shows.
metadata = MetaData()
note_table = Table(
    "note", metadata, Column("id", Integer, primary_key=True), Column("text", String(20))
)
total_table = Table(
    "total", metadata, Column("id", Integer, primary_key=True), Column("length", Integer)
)
insert_note = insert(note_table)
insert_total = insert(total_table)
add_to_total = update(total_table).values(length=total_table.c.length + bindparam("more"))

notes = Projection("notes", tables=[note_table, total_table])


@notes.on(Noted)
def noted(event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
    """Keep the text and add its length to the total."""
    if recorded.position == 1:
        yield insert_total, {"id": 1, "length": 0}
    yield insert_note, {"text": event.text}
    yield add_to_total, {"more": len(event.text)}


async def history() -> MemoryStore:
    """Return the store, the same each time."""
    store = MemoryStore(clock=steady_clock())
    for stream in range(STREAMS):
        texts = (Noted(str(n * n)) for n in range(EVENTS // STREAMS))
        await append(store, f"note-{stream}", *texts)
    return store


async def contents(model: ReadModel) -> list[Sequence[Values]]:
    """Return all that the projection wrote, in order.

    Without the numbers of the rows: PostgreSQL does not give those of a lost batch again.
    """
    texts = select(note_table.c.text).order_by(note_table.c.id)
    return [await model.all(texts), await model.all(select(total_table.c.length))]


async def rows_and_checkpoint(model: ReadModel) -> tuple[int, int]:
    """Return the number of rows and the checkpoint, as of one moment."""
    rows = select(func.count()).select_from(note_table).scalar_subquery()
    name = checkpoint_table.c.projection == notes.name
    checkpoint = select(checkpoint_table.c.position).where(name).scalar_subquery()
    found = await model.one(select(rows, checkpoint))
    return cast("tuple[int, int]", found)


async def follow(url: str) -> None:
    """Catch up, saying when it begins."""
    model = await ReadModel.open(url)
    worker = Worker(notes, schema=schema, store=await history(), read_model=model, page=PAGE)
    await model.prepare(notes)
    print("begun", flush=True)  # noqa: T201 - the signal to the test
    await worker.catch_up()
    await model.close()


if __name__ == "__main__":
    asyncio.run(follow(sys.argv[1]))
