from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from backstory.core.errors import InvalidInput, ReadModelUnavailable
from backstory.core.events import RecordedEvent
from backstory.projections.policy import Park, Retry
from backstory.projections.read_model import ReadModel
from backstory.projections.subscription import State
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    Noted,
    append,
    join_all,
    members_projection,
    names_of,
    schema,
    until,
)

QUICKLY = Retry(attempts=200, first_delay=0.005, max_delay=0.01)
TWICE = Retry(attempts=2, first_delay=0.001, max_delay=0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the read model is."""
    return tmp_path / "read.db"


@pytest.fixture
async def impatient(path: Path) -> AsyncIterator[ReadModel]:
    """Return a read model that does not wait for locks, with its tables."""
    model = await ReadModel.open(f"sqlite:///{path}?busy_timeout=0")
    await model.prepare(members_projection())
    yield model
    await model.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the write lock from another connection, as another process would."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def _damage(path: Path) -> None:
    """Overwrite everything behind the first page."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def _worker(store: MemoryStore, read_model: ReadModel, retry: Retry) -> Worker:
    return Worker(
        members_projection(),
        schema=schema,
        store=store,
        read_model=read_model,
        retry=retry,
        on_failure=Park(),
    )


async def test_a_locked_read_model_is_tried_again_until_it_is_free(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """The worker waits, applies everything once, and blames no event."""
    await join_all(store, ["ann", "bob"])
    worker = _worker(store, impatient, QUICKLY)
    with _locked(path):
        running = asyncio.create_task(worker.catch_up())
        await asyncio.sleep(0.1)
        assert not running.done()
        assert await names_of(impatient) == []
    assert await asyncio.wait_for(running, 5) == 2
    assert await names_of(impatient) == ["ann", "bob"]
    assert worker.status.parked == 0


async def test_a_lock_taken_while_running_is_waited_out_too(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """It makes no difference at which batch the lock is met."""
    worker = _worker(store, impatient, QUICKLY)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(await join_all(store, ["ann"]), 5)
    with _locked(path):
        position = await join_all(store, ["bob"])
        await asyncio.sleep(0.05)
        assert worker.status.lag == 1
    await worker.wait_for(position, 5)
    assert await names_of(impatient) == ["ann", "bob"]
    await worker.stop()
    await running


async def test_when_the_retries_are_used_up_the_worker_says_so(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """Nothing was applied, and the same worker can go on later."""
    await join_all(store, ["ann"])
    worker = _worker(store, impatient, TWICE)
    with _locked(path), pytest.raises(ReadModelUnavailable, match="database is locked"):
        await worker.run()
    assert worker.status.failure is not None
    assert await names_of(impatient) == []
    assert await worker.catch_up() == 1


async def test_stopping_does_not_wait_for_the_lock(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """A batch that cannot be written is given up; nothing of it was applied."""
    await join_all(store, ["ann"])
    worker = _worker(store, impatient, Retry(attempts=10, first_delay=60, max_delay=60))
    with _locked(path):
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.05)
        await asyncio.wait_for(worker.stop(), 5)
        await running
    assert await names_of(impatient) == []


async def test_a_batch_given_up_is_not_followed_by_the_next(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """The one after it is read already; applying it would leave a hole behind the checkpoint."""
    waiting = Retry(attempts=10, first_delay=60, max_delay=60)
    worker = Worker(
        members_projection(),
        schema=schema,
        store=store,
        read_model=impatient,
        retry=waiting,
        page=1,
    )
    running = asyncio.create_task(worker.run())
    await until(lambda: worker.status.state is State.LIVE)
    with _locked(path):
        await join_all(store, ["ann", "bob", "cid"])
        await asyncio.sleep(0.1)
    await worker.stop()
    await running
    assert await names_of(impatient) == []
    assert await impatient.checkpoint("members") == 0


async def test_a_full_disk_is_no_failure_of_the_event(
    store: MemoryStore, impatient: ReadModel
) -> None:
    """The batch is rolled back and applied when there is space; no event is parked for it."""
    await join_all(store, [f"{n:050}" for n in range(300)])
    with impatient.database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
    worker = _worker(store, impatient, TWICE)
    with pytest.raises(ReadModelUnavailable, match="full"):
        await worker.catch_up()
    assert await names_of(impatient) == []
    with impatient.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert await worker.catch_up() == 300
    assert len(await names_of(impatient)) == 300
    assert worker.status.parked == 0


async def test_a_reading_handler_that_meets_a_lock_is_tried_again(
    store: MemoryStore, impatient: ReadModel
) -> None:
    """Also when the handler wraps the database's error in one of its own."""
    projection = members_projection()
    tries: list[str] = []

    @projection.on(Noted, reads=True)
    def noted(event: Noted, _recorded: RecordedEvent, _connection: Connection) -> None:
        tries.append(event.text)
        if len(tries) <= 4:
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            message = "could not look it up"
            raise RuntimeError(message) from busy

    await append(store, "note-1", Noted("x"))
    worker = Worker(
        projection,
        schema=schema,
        store=store,
        read_model=impatient,
        retry=QUICKLY,
        on_failure=Park(),
    )
    assert await worker.catch_up() == 1
    assert (len(tries), worker.status.parked) == (5, 0)


async def test_reading_from_a_read_model_whose_file_is_damaged_says_so(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """A damaged file is the database's state, and no event's fault."""
    await join_all(store, [f"m{n}" for n in range(2000)])
    await _worker(store, impatient, TWICE).catch_up()
    await impatient.close()
    await asyncio.to_thread(_damage, path)
    with pytest.raises(ReadModelUnavailable):
        await names_of(impatient)


async def test_a_file_that_may_not_be_written_is_unavailable(path: Path) -> None:
    """Access rights are seen to by people, not by trying another event."""
    model = await ReadModel.open(f"sqlite:///{path}")
    with model.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(ReadModelUnavailable, match="readonly"):
        await model.prepare(members_projection())
    await model.close()


@pytest.mark.parametrize(
    "setting", [{"attempts": 0}, {"first_delay": -1.0}, {"max_delay": -1.0}], ids=str
)
def test_a_retry_that_could_never_try_is_refused(setting: dict[str, float]) -> None:
    """A policy is checked where it is made."""
    with pytest.raises(InvalidInput):
        Retry(**setting)  # type: ignore[arg-type] # attempts is an int in the one case it is given


async def test_a_commit_whose_answer_was_lost_is_not_applied_again(
    store: MemoryStore, impatient: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection can break after the commit and before its answer; SQLite's cannot."""
    await join_all(store, ["ann", "bob"])
    worker = _worker(store, impatient, QUICKLY)
    database = impatient.database
    writing = database.writing
    lost: list[int] = []

    @contextmanager
    def losing() -> Iterator[Connection]:
        with writing() as connection:
            yield connection
            moved = (
                connection.in_transaction()
                and connection.exec_driver_sql(
                    "SELECT position FROM backstory_checkpoint"
                ).scalar_one()
            )
        if moved == 2 and not lost:
            lost.append(moved)
            gone = sqlite3.OperationalError("server closed the connection")
            gone.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise gone

    monkeypatch.setattr(database, "writing", losing)
    assert await worker.catch_up() == 2
    assert lost == [2]
    assert await names_of(impatient) == ["ann", "bob"]
    assert worker.status.parked == 0


async def test_retries_of_the_projection_are_those_of_its_workers(
    store: MemoryStore, impatient: ReadModel, path: Path
) -> None:
    """How long an outage may last is a decision about the read model, not about who runs it."""
    projection = members_projection()
    projection.retry = TWICE
    await join_all(store, ["ann"])
    worker = Worker(projection, schema=schema, store=store, read_model=impatient)
    with _locked(path), pytest.raises(ReadModelUnavailable):
        await worker.catch_up()
    assert await worker.catch_up() == 1
