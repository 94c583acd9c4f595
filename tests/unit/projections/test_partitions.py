from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backstory.core.errors import (
    CaughtUpTimeout,
    HandlerFailed,
    InvalidInput,
    PartitionsChanged,
)
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.projections.parked import ParkedEvents
from backstory.projections.partitions import Partition, partition_of, partitions_of
from backstory.projections.policy import Park, Retry, Stop
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.subscription import State
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    START,
    Joined,
    Noted,
    Renamed,
    append,
    insert_member,
    join_all,
    member_table,
    members_projection,
    names_of,
    schema,
    until,
    worker_of,
)


def _split(partitions: int, name: str = "members") -> Projection:
    projection = members_projection(name)
    projection.partitions = partitions
    return projection


def test_the_partition_of_a_stream_never_changes() -> None:
    """Other processes, other versions and other machines compute the same."""
    streams = ["user-donald-le", "user-Ærøskøbing", "a"]
    assert [partition_of(stream, 4) for stream in streams] == [0, 3, 3]
    assert partition_of("user-donald-le", 4) == crc32(b"user-donald-le") % 4


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 20))
def test_every_stream_belongs_to_exactly_one_partition(streams: list[str], of: int) -> None:
    """Nothing is applied twice, and nothing is left out."""
    for stream in streams:
        held = [part for part in partitions_of("p", of) if part.holds(stream)]
        assert [part.number for part in held] == [partition_of(stream, of)]


async def test_a_partition_keeps_its_events_in_their_order(store: MemoryStore) -> None:
    """What is left out leaves no trace; what is left is what was there."""
    await join_all(store, [f"m{n % 17}" for n in range(50)])
    page = await store.read(Read())
    parts = [part.only(page) for part in partitions_of("p", 3)]
    assert sorted(event.position for part in parts for event in part) == list(range(1, 51))
    for part in parts:
        assert [e.position for e in part] == sorted(e.position for e in part)
        assert 0 < len(part) < 50
    assert Partition("p").only(page) is page


@pytest.mark.parametrize("partitions", [0, -1, 1_025])
def test_a_number_of_partitions_that_cannot_work_is_refused(partitions: int) -> None:
    """The mistake is named where it is made."""
    with pytest.raises(InvalidInput, match="1 to 1,024 partitions"):
        Projection("p", tables=[member_table], partitions=partitions)


async def test_all_partitions_together_apply_every_event_once(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The rows are those of one partition, whatever order they came in."""
    names = [f"m{n}" for n in range(200)]
    await join_all(store, names)
    for name in names[::3]:
        await append(store, f"member-{name}", Renamed(name, f"{name} II"))
    worker = worker_of(store, read_model, _split(4), page=7)
    assert await worker.catch_up() == 267
    rows = await read_model.all(select(member_table.c.name, member_table.c.renamed))
    assert sorted(rows) == sorted((name, int(n % 3 == 0)) for n, name in enumerate(names))
    assert [part.position for part in worker.status.partitions] == [267] * 4


async def test_a_running_worker_covers_what_comes_in_all_partitions(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Waiting for a position is waiting for every partition, here and from outside."""
    worker = worker_of(store, read_model, _split(3))
    running = asyncio.create_task(worker.run())
    position = await join_all(store, ["ann", "bob", "cid"])
    await worker.wait_for(position, 5)
    assert sorted(map(str, await names_of(read_model))) == ["ann", "bob", "cid"]
    assert await read_model.checkpoint("members") == position
    await read_model.wait_for("members", position, timeout=5)
    await until(lambda: worker.status.state is State.LIVE)
    await worker.stop()
    await running
    assert (worker.status.state, worker.status.lag) == (State.CLOSED, 0)


async def test_a_read_model_is_as_far_as_its_slowest_partition(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Who waits for a write must not find that only the others are there."""
    projection = _split(2)
    projection.on(Noted)(_refuse)
    names = [name for name in "abcdefgh" if partition_of(f"member-{name}", 2) == 0]
    bad = next(n for n in range(99) if partition_of(f"note-{n}", 2) == 1)
    await append(store, f"note-{bad}", Noted("bad"))
    position = await join_all(store, names)
    worker = worker_of(store, read_model, projection)
    with pytest.raises(HandlerFailed):
        await worker.run()
    assert await read_model.checkpoint("members") == 0
    with pytest.raises(CaughtUpTimeout):
        await read_model.wait_for("members", position, timeout=0)
    assert (worker.status.position, worker.status.lag) == (0, position)


def _refuse(event: Noted, _recorded: RecordedEvent) -> Iterator[Write]:
    raise LookupError(event.text)


async def test_what_ends_one_partition_ends_the_worker(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """One call runs them all, so one error is the answer; no task is left behind."""
    projection = _split(4)
    projection.on(Noted)(_refuse)
    worker = worker_of(store, read_model, projection)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(await join_all(store, ["ann", "bob", "cid"]), 5)
    await append(store, "note-1", Noted("bad"))
    with pytest.raises(HandlerFailed, match="note-1"):
        await asyncio.wait_for(running, 5)
    assert worker.status.failure is not None
    assert worker.status.state is State.CLOSED


async def test_a_cancelled_worker_ends_all_partitions(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Rows and checkpoints agree, and nobody goes on."""
    await join_all(store, [f"m{n}" for n in range(300)])
    for _ in range(4):
        running = asyncio.create_task(worker_of(store, read_model, _split(4), page=5).run())
        await asyncio.sleep(0.02)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    await worker_of(store, read_model, _split(4)).catch_up()
    assert len(await names_of(read_model)) == 300


async def test_a_projection_that_has_run_keeps_its_number_of_partitions(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Each partition stands elsewhere; the error says what to do, and doing it helps."""
    await join_all(store, ["ann", "bob"])
    await worker_of(store, read_model, _split(2)).catch_up()
    changed = worker_of(store, read_model, _split(3))
    with pytest.raises(PartitionsChanged, match=r"rebuild it, or wipe it with ReadModel\.wipe"):
        await changed.catch_up()
    assert changed.status.failure is not None
    assert await read_model.checkpoint("members") == 2
    await read_model.wipe(_split(3))
    assert await worker_of(store, read_model, _split(3)).catch_up() == 2
    assert sorted(map(str, await names_of(read_model))) == ["ann", "bob"]


async def test_a_projection_that_has_not_run_yet_may_change(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Preparing is not running: nothing would be lost."""
    await read_model.prepare(_split(4))
    await read_model.prepare(_split(2))
    await join_all(store, ["ann"])
    assert await worker_of(store, read_model, _split(2)).catch_up() == 1


async def test_a_policy_of_the_projection_is_that_of_its_workers(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """It is a decision about the events, not about who runs it; a worker may be told otherwise."""
    retry = Retry(attempts=3)
    projection = Projection(
        "members", tables=[member_table], partitions=2, on_failure=Park(), retry=retry
    )
    assert (projection.on_failure, projection.retry) == (Park(), retry)
    projection.on(Noted)(_refuse)
    await append(store, "note-1", Noted("bad"))
    stopping = Worker(
        projection, schema=schema, store=store, read_model=read_model, on_failure=Stop()
    )
    with pytest.raises(HandlerFailed):
        await stopping.catch_up()
    worker = worker_of(store, read_model, projection)
    assert await worker.catch_up() == 1
    assert worker.status.parked == 1


async def test_parked_events_of_all_partitions_are_retried_together(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Streams of different partitions know nothing of one another; each goes on in its order."""
    projection, broken = _split(4), True

    @projection.on(Noted)
    def noted(event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
        if broken and event.text == "bad":
            raise LookupError(event.text)
        when = recorded.recorded_at
        row = {"name": f"{recorded.position:02}", "full_name": event.text, "joined_at": START}
        yield insert_member, row | {"recorded_at": when, "renamed": 0}

    for n in range(6):
        await append(store, f"note-{n}", Noted("bad"), Noted("behind"))
    worker = Worker(
        projection, schema=schema, store=store, read_model=read_model, on_failure=Park()
    )
    assert await worker.catch_up() == 12
    assert worker.status.parked == 12
    assert sum(part.parked > 0 for part in worker.status.partitions) > 1
    broken = False
    parked = ParkedEvents(projection, schema=schema, store=store, read_model=read_model)
    assert (await parked.retry()).applied == 12
    assert len(await names_of(read_model)) == 12
    await append(store, "note-1", Noted("free again"))
    assert await worker.catch_up() == 13
    assert worker.status.parked == 0


async def test_joined_events_of_one_stream_are_never_out_of_order(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A rename that ran before its insert would be lost."""
    names = [f"m{n}" for n in range(60)]
    for name in names:
        await append(store, f"member-{name}", Joined(name, START))
    for turn in range(4):
        for name in names:
            await append(store, f"member-{name}", Renamed(name, f"{turn}"))
    await worker_of(store, read_model, _split(4), page=5).catch_up()
    rows = await read_model.all(select(member_table.c.full_name, member_table.c.renamed))
    assert list(rows) == [("3", 4)] * 60
