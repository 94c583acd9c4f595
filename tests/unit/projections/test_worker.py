from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Connection, func, insert, select

from backstory.core.errors import (
    CaughtUpTimeout,
    CheckpointAhead,
    CheckpointMoved,
    ProjectionError,
    StoreClosed,
)
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.subscription import State
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Noted,
    Renamed,
    append,
    insert_member,
    join_all,
    member_table,
    members_of,
    members_projection,
    names_of,
    until,
    worker_of,
)
from tests.unit.projections.unreliable import UnreliableStore


async def test_catching_up_applies_everything_up_to_the_head(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The rows, their times and the checkpoint are those of the whole log."""
    await append(store, "member-ann", Joined("ann", START), Renamed("ann", "Ann B."))
    await append(store, "member-bob", Joined("bob", START), Left("bob"))
    await append(store, "note-1", Noted("nothing to do with members"))
    recorded_at = (await store.read(Read(limit=1)))[0].recorded_at
    assert await worker_of(store, read_model).catch_up() == 5
    assert await members_of(read_model) == [(1, "ann", "Ann B.", START, recorded_at, 1)]
    assert await read_model.checkpoint("members") == 5


async def test_what_is_applied_is_not_applied_again(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A second worker, later, goes on behind the checkpoint."""
    await join_all(store, ["ann", "bob"])
    await worker_of(store, read_model).catch_up()
    await join_all(store, ["cid"])
    assert await worker_of(store, read_model).catch_up() == 3
    assert await names_of(read_model) == ["ann", "bob", "cid"]


async def test_a_running_worker_applies_what_comes_until_it_is_stopped(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """It is live at the head, and after the stop nothing more is applied."""
    worker = worker_of(store, read_model)
    running = asyncio.create_task(worker.run())
    position = await join_all(store, ["ann"])
    await worker.wait_for(position, 5)
    assert await names_of(read_model) == ["ann"]
    await until(lambda: worker.status.state is State.LIVE)
    await worker.wait_for(await join_all(store, ["bob"]), 5)
    await worker.stop()
    await asyncio.wait_for(running, 5)
    await join_all(store, ["cid"])
    assert await names_of(read_model) == ["ann", "bob"]
    assert worker.status.state is State.CLOSED


async def test_a_stop_before_the_run_is_not_forgotten(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A signal that arrives while the process starts still ends it."""
    await join_all(store, ["ann"])
    worker = worker_of(store, read_model)
    await worker.stop()
    await asyncio.wait_for(worker.run(), 5)
    assert await names_of(read_model) == []


async def test_stopping_finishes_the_batch_under_way(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Whole batches are applied: the checkpoint is at a page's end, and the rows agree with it."""
    await join_all(store, [f"m{n}" for n in range(500)])
    worker = worker_of(store, read_model, page=10)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(30, 5)
    await worker.stop()
    await running
    checkpoint = await read_model.checkpoint("members")
    assert checkpoint % 10 == 0
    assert 30 <= checkpoint < 500
    assert len(await names_of(read_model)) == checkpoint


async def test_a_cancelled_worker_leaves_rows_and_checkpoint_agreeing(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """When the cancellation is answered, no thread is still writing."""
    await join_all(store, [f"m{n}" for n in range(300)])
    for _ in range(5):
        running = asyncio.create_task(worker_of(store, read_model, page=7).run())
        await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert len(await names_of(read_model)) == await read_model.checkpoint("members")
    await worker_of(store, read_model).catch_up()
    assert len(await names_of(read_model)) == 300


async def test_two_workers_never_apply_an_event_twice(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The checkpoint lets one of them on; the other is told, and has written nothing."""
    names: list[str] = []
    met = False
    while not met:  # one may be through before the other has begun: the threads decide
        names += (new := [f"m{len(names) + n}" for n in range(100)])
        await join_all(store, new)
        workers = [worker_of(store, read_model, page=5) for _ in range(2)]
        results = await asyncio.gather(*(w.catch_up() for w in workers), return_exceptions=True)
        met = CheckpointMoved in map(type, results)
    await worker_of(store, read_model).catch_up()
    assert await names_of(read_model) == names


async def test_the_worker_that_comes_second_writes_nothing(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Its rows are refused with its checkpoint, even where no unique key would have done it."""
    slow, quick = (worker_of(store, read_model, _tally()) for _ in range(2))
    running = asyncio.create_task(slow.run())
    await slow.wait_for(await append(store, "note-1", Noted("one")), 5)
    assert await _notes(read_model) == 1
    waiting = asyncio.create_task(quick.run())
    await until(lambda: quick.status.state is State.LIVE)
    for n in range(20):
        await append(store, "note-1", Noted(str(n)))
    done, _ = await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    assert [type(task.exception()) for task in done][:1] == [CheckpointMoved]
    await asyncio.gather(slow.stop(), quick.stop())
    await asyncio.gather(running, waiting, return_exceptions=True)
    await worker_of(store, read_model, _tally()).catch_up()
    assert await _notes(read_model) == 21


def _tally() -> Projection:
    """Return a projection that writes a row for each note, with nothing to stop a second one."""
    tally = Projection("tally", tables=[member_table])

    @tally.on(Noted)
    def noted(event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
        row = {
            "name": f"{recorded.position} {object()!r}",
            "full_name": event.text,
            "joined_at": START,
            "recorded_at": START,
            "renamed": 0,
        }
        yield insert_member, row

    return tally


async def _notes(read_model: ReadModel) -> int:
    return len(await members_of(read_model))


async def test_one_worker_runs_once_at_a_time(store: MemoryStore, read_model: ReadModel) -> None:
    """Two loops over one worker would fight for its position."""
    worker = worker_of(store, read_model)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    with pytest.raises(ProjectionError, match="running already"):
        await worker.catch_up()
    await worker.stop()
    await running


async def test_waiting_ends_in_an_error_that_says_how_far_it_got(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A read that asked for a position it cannot have yet is told so in time."""
    worker = worker_of(store, read_model)
    await join_all(store, ["ann"])
    await worker.catch_up()
    await worker.wait_for(1, 0)
    with pytest.raises(CaughtUpTimeout) as caught:
        await worker.wait_for(2, 0.01)
    assert (caught.value.wanted, caught.value.reached) == (2, 1)


async def test_many_wait_for_many_positions(store: MemoryStore, read_model: ReadModel) -> None:
    """Each is woken when its own position can be read, whoever else gave up."""
    worker = worker_of(store, read_model, page=1)
    waiters = [asyncio.create_task(worker.wait_for(n, 5)) for n in (5, 1, 3, 3, 2)]
    given_up = [asyncio.create_task(worker.wait_for(n, 0.001)) for n in (1, 4)]
    results = await asyncio.gather(*given_up, return_exceptions=True)
    assert {type(result) for result in results} == {CaughtUpTimeout}
    await join_all(store, ["a", "b", "c", "d", "e"])
    await worker.catch_up()
    await asyncio.gather(*waiters)


async def test_status_says_what_is_done_and_what_is_not(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Position, head and lag are those of the log, and a stopped worker says that it is."""
    worker = worker_of(store, read_model, page=2)
    assert (worker.status.state, worker.status.lag) == (State.CLOSED, 0)
    await join_all(store, ["a", "b", "c"])
    running = asyncio.create_task(worker.run())
    await worker.wait_for(2, 5)
    status = worker.status
    assert (status.projection, status.position, status.head, status.lag) == ("members", 2, 3, 1)
    await worker.wait_for(3, 5)
    await worker.stop()
    await running
    assert (worker.status.position, worker.status.lag, worker.status.failure) == (3, 0, None)


async def test_events_of_no_interest_move_the_checkpoint(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A restart does not read them again, and waiting for their position ends."""
    worker = worker_of(store, read_model)
    running = asyncio.create_task(worker.run())
    position = await append(store, "note-1", Noted("x"), Noted("y"))
    await worker.wait_for(position, 5)
    assert await read_model.checkpoint("members") == position
    await worker.stop()
    await running


async def test_a_store_restored_from_an_older_copy_is_refused(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Its new events would stand below the checkpoint and never be applied."""
    await join_all(store, ["ann", "bob"])
    await worker_of(store, read_model).catch_up()
    older = MemoryStore()
    await join_all(older, ["ann"])
    worker = worker_of(older, read_model)
    with pytest.raises(CheckpointAhead):
        await worker.catch_up()
    with pytest.raises(CheckpointAhead):
        await worker.run()
    assert worker.status.failure is not None


async def test_an_outage_of_the_store_is_waited_out(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The worker goes on by itself when the store is back."""
    flaky = UnreliableStore(store)
    worker = worker_of(flaky, read_model)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(await join_all(store, ["ann"]), 5)
    flaky.failures_left = 3
    await worker.wait_for(await join_all(store, ["bob"]), 5)
    assert await names_of(read_model) == ["ann", "bob"]
    await worker.stop()
    await running


async def test_a_closed_store_ends_the_run(store: MemoryStore, read_model: ReadModel) -> None:
    """Nothing would ever come."""
    worker = worker_of(store, read_model)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(await join_all(store, ["ann"]), 5)
    await store.close()
    with pytest.raises(StoreClosed):
        await asyncio.wait_for(running, 5)


async def test_more_types_than_a_read_may_name_are_all_followed(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Then everything is read, and what is of no interest is passed over undecoded."""
    shapes = [msgspec.defstruct(f"Shape{n}", [("n", int)], frozen=True) for n in range(120)]
    many = Schema(*(EventType(f"shape-{n}", shape) for n, shape in enumerate(shapes)))
    projection = Projection("many", tables=[member_table])
    for shape in shapes:
        projection.on(shape)(_insert_shape)
    for shape in shapes[::10]:
        await store.append("shape-1", [many.encode(shape(len(shape.__name__)))])
        await append(store, "note-1", Noted("of a type the schema does not hold"))
    worker = Worker(projection, schema=many, store=store, read_model=read_model)
    assert await worker.catch_up() == 24
    assert len(await names_of(read_model)) == 12


def _insert_shape(event: object, _recorded: RecordedEvent) -> Iterator[Write]:
    row = {"name": repr(type(event)), "full_name": "", "joined_at": START, "recorded_at": START}
    yield insert_member, row | {"renamed": 0}


async def test_a_reading_handler_sees_everything_before_it(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Writes of earlier events of the same batch are flushed before it is called."""
    projection = members_projection("readers")

    @projection.on(Noted, reads=True)
    def count(event: Noted, recorded: RecordedEvent, connection: Connection) -> None:
        seen = connection.execute(select(func.count()).select_from(member_table)).scalar_one()
        row = {"name": event.text, "full_name": f"{seen} before", "joined_at": recorded.recorded_at}
        row |= {"recorded_at": recorded.recorded_at, "renamed": seen}
        connection.execute(insert(member_table), row)

    await join_all(store, ["a", "b"])
    await append(store, "note-1", Noted("first"))
    await join_all(store, ["c"])
    await append(store, "note-1", Noted("second"))
    await worker_of(store, read_model, projection).catch_up()
    assert [(row[1], row[5]) for row in await members_of(read_model)] == [
        ("a", 0),
        ("b", 0),
        ("first", 2),
        ("c", 0),
        ("second", 4),
    ]


async def test_events_stored_under_an_old_name_are_handled(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A renamed type keeps its past."""
    await join_all(store, ["ann"])
    renamed = Schema(
        EventType("member-joined", Joined, formerly=("joined",)),
        EventType("renamed", Renamed),
        EventType("left", Left),
    )
    worker = Worker(members_projection(), schema=renamed, store=store, read_model=read_model)
    await worker.catch_up()
    assert await names_of(read_model) == ["ann"]
