from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, select, text

from backstory.core.errors import InvalidSetting, ReadModelUnavailable
from backstory.core.events import RecordedEvent
from backstory.projections.policy import Park, Retry
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.servers.databases import Server, name_of
from tests.servers.postgres import PASSWORD, PostgresServer
from tests.servers.proxy import Proxy
from tests.unit.projections.members import (
    Noted,
    append,
    join_all,
    member_table,
    members_projection,
    names_of,
    schema,
)

PATIENTLY = Retry(attempts=2_000, first_delay=0.005, max_delay=0.02)
TWICE = Retry(attempts=2, first_delay=0.001, max_delay=0.001)
MEMBERS = "eventsourcing.member"


@pytest.fixture
async def impatient(postgres_url: str) -> AsyncIterator[ReadModel]:
    """Return a read model that hardly waits for locks, with its tables."""
    model = await ReadModel.open(f"{postgres_url}?busy_timeout=0.02")
    await model.prepare(members_projection())
    yield model
    await model.close()


def _worker(
    store: MemoryStore, model: ReadModel, retry: Retry, projection: Projection | None = None
) -> Worker:
    return Worker(
        projection or members_projection(),
        schema=schema,
        store=store,
        read_model=model,
        retry=retry,
        on_failure=Park(),
    )


@contextmanager
def _locked(url: str) -> Iterator[None]:
    """Hold the table from another connection, as somebody who changes it would."""
    with psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {MEMBERS} IN ACCESS EXCLUSIVE MODE")
        yield


async def test_a_locked_table_is_tried_again_until_it_is_free(
    store: MemoryStore, impatient: ReadModel, postgres_url: str
) -> None:
    """The worker waits, applies everything once, and blames no event; readers hear of it."""
    await join_all(store, ["ann", "bob"])
    worker = _worker(store, impatient, PATIENTLY)
    with _locked(postgres_url):
        running = asyncio.create_task(worker.catch_up())
        with pytest.raises(ReadModelUnavailable, match="lock timeout"):
            await names_of(impatient)
        assert not running.done()
    assert await asyncio.wait_for(running, 5) == 2
    assert await names_of(impatient) == ["ann", "bob"]
    assert worker.status.parked == 0


async def test_a_statement_that_takes_too_long_is_given_up(postgres_url: str) -> None:
    """A limit of one's own, in seconds; without one a query may take its time."""
    model = await ReadModel.open(f"{postgres_url}?statement_timeout=0.05")
    with pytest.raises(ReadModelUnavailable, match="statement timeout"):
        await model.one(text("SELECT pg_sleep(5)"))
    await model.close()


async def test_a_full_disk_is_no_failure_of_the_event(
    store: MemoryStore, impatient: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """The error is raised by a trigger: there is no other disk that a test may fill."""
    database = name_of(postgres_url)
    postgres.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'disk full'; END $$",
        database,
    )
    trigger = f"CREATE TRIGGER full_disk BEFORE INSERT ON {MEMBERS} EXECUTE FUNCTION full_disk()"
    postgres.execute(trigger, database)
    await join_all(store, [f"m{n}" for n in range(100)])
    worker = _worker(store, impatient, TWICE)
    with pytest.raises(ReadModelUnavailable, match="disk full"):
        await worker.catch_up()
    postgres.execute(f"DROP TRIGGER full_disk ON {MEMBERS}", database)
    assert await worker.catch_up() == 100
    assert len(await names_of(impatient)) == 100
    assert worker.status.parked == 0


async def test_connections_broken_in_the_middle_of_batches_cost_nothing(
    store: MemoryStore, impatient: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """Whenever an administrator ends them: every event is applied once, none is blamed."""
    names = [f"m{n:03}" for n in range(300)]
    await join_all(store, names)
    worker = Worker(
        members_projection(),
        schema=schema,
        store=store,
        read_model=impatient,
        retry=PATIENTLY,
        on_failure=Park(),
        page=3,
    )
    running = asyncio.create_task(worker.catch_up())
    broken, reached = 0, -1
    while not running.done():
        if worker.status.position > reached:
            reached = worker.status.position
            broken += await asyncio.to_thread(postgres.terminate, name_of(postgres_url))
        await asyncio.sleep(0)
    assert await running == 300
    assert broken > 2
    assert await names_of(impatient) == names
    assert worker.status.parked == 0


async def test_readers_do_not_notice_that_their_connections_were_broken(
    store: MemoryStore, impatient: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """What broke while it lay idle is replaced before anybody asks."""
    await join_all(store, ["ann"])
    await _worker(store, impatient, TWICE).catch_up()
    for _ in range(3):
        await asyncio.gather(*(names_of(impatient) for _ in range(8)))
        assert await asyncio.to_thread(postgres.terminate, name_of(postgres_url)) >= 1
        answers = await asyncio.gather(*(names_of(impatient) for _ in range(8)))
        assert answers == [["ann"]] * 8
        await asyncio.to_thread(postgres.terminate, name_of(postgres_url))
        await impatient.prepare(members_projection())


async def test_a_restart_of_the_server_is_waited_out(
    store: MemoryStore, own_postgres: PostgresServer
) -> None:
    """The worker goes on where it stood; whoever reads meanwhile is told that it cannot be."""
    url = own_postgres.create()
    model = await ReadModel.open(url)
    worker = _worker(store, model, PATIENTLY)
    running = asyncio.create_task(worker.run())
    await worker.wait_for(await join_all(store, ["ann"]), 10)
    await asyncio.to_thread(own_postgres.crash)
    position = await join_all(store, ["bob"])
    with pytest.raises(ReadModelUnavailable):
        await names_of(model)
    await asyncio.to_thread(own_postgres.start)
    await worker.wait_for(position, 10)
    assert await names_of(model) == ["ann", "bob"]
    await worker.stop()
    await running
    await model.close()


async def test_a_commit_whose_answer_was_lost_is_not_applied_again(
    store: MemoryStore, postgres_url: str
) -> None:
    """The server has committed, the network breaks before it says so: done, and known to be."""
    projection = members_projection()
    tries: list[int] = []

    @projection.on(Noted, reads=True)
    def noted(_event: Noted, recorded: RecordedEvent, _connection: Connection) -> None:
        tries.append(recorded.position)

    await join_all(store, ["ann"])
    await append(store, "note-1", Noted("x"))
    async with Proxy(postgres_url) as proxy:
        model = await ReadModel.open(proxy.url)
        await model.prepare(projection)
        worker = _worker(store, model, PATIENTLY, projection)
        proxy.lose_the_answer_to(b"COMMIT")
        assert await worker.catch_up() == 2
        assert proxy.lost == 1
        assert await names_of(model) == ["ann"]
        await model.close()
    assert tries == [2]
    assert worker.status.parked == 0


@pytest.fixture
def reading_url(postgres: Server, postgres_url: str) -> Iterator[str]:
    """Return the URL for a role that may look at everything and change nothing."""
    database = name_of(postgres_url)
    role = f"reader_of_{database}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p' IN ROLE pg_read_all_data")
    yield postgres_url.replace(postgres_url.partition("@")[0], f"postgresql://{role}:p")
    postgres.execute(f"DROP OWNED BY {role}", database)
    postgres.execute(f"DROP ROLE {role}")


async def test_a_role_that_may_only_read_can_read(
    store: MemoryStore, impatient: ReadModel, reading_url: str
) -> None:
    """A service that answers from a read model needs no right to change it."""
    await join_all(store, ["ann"])
    await _worker(store, impatient, TWICE).catch_up()
    model = await ReadModel.open(reading_url)
    assert await names_of(model) == ["ann"]
    await join_all(store, ["bob"])
    worker = _worker(store, model, TWICE)
    with pytest.raises(ReadModelUnavailable, match="permission denied"):
        await worker.catch_up()
    assert worker.status.parked == 0
    await model.close()


async def test_a_role_that_may_not_create_the_schema_is_told_so(reading_url: str) -> None:
    """The first start needs somebody with the right; the message names what is missing."""
    with pytest.raises(ReadModelUnavailable, match="permission denied for database"):
        await ReadModel.open(reading_url, schema="another")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("secret", "guessed", "password authentication failed"),
        ("test_", "missing_", "does not exist"),
        ("127.0.0.1:", "127.0.0.1:1", "onnection refused|invalid|could not"),
        ("127.0.0.1", "nowhere.invalid", "nowhere.invalid"),
    ],
)
async def test_what_cannot_be_opened_is_named_without_the_password(
    postgres_url: str, old: str, new: str, reason: str
) -> None:
    """Errors go to logs; a password must not go with them."""
    with pytest.raises((ReadModelUnavailable, InvalidSetting), match=reason) as caught:
        await ReadModel.open(postgres_url.replace(old, new))
    for secret in (PASSWORD, PASSWORD.replace("secret", "guessed"), "it%27s"):
        shown: BaseException | None = caught.value
        while shown is not None:
            assert secret not in f"{shown} {shown!r}"
            shown = shown.__cause__ or shown.__context__


async def test_a_stand_by_is_no_place_to_write(
    store: MemoryStore, postgres: Server, postgres_url: str
) -> None:
    """A read-only server is seen to by people: no event is parked for it."""
    await (await ReadModel.open(postgres_url)).close()
    database = name_of(postgres_url)
    postgres.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    model = await ReadModel.open(postgres_url)
    await join_all(store, ["ann"])
    with pytest.raises(ReadModelUnavailable, match="read-only"):
        await _worker(store, model, TWICE).catch_up()
    await model.close()


async def test_a_table_that_changes_its_shape_disturbs_nobody(
    store: MemoryStore, impatient: ReadModel, postgres: Server, postgres_url: str
) -> None:
    """Queries that were prepared for the old shape are prepared anew; no event is blamed."""
    projection = members_projection()
    seen: list[int] = []

    @projection.on(Noted, reads=True)
    def noted(_event: Noted, _recorded: RecordedEvent, connection: Connection) -> None:
        seen.append(len(connection.execute(select(member_table)).all()))

    await join_all(store, ["ann"])
    await append(store, "note-1", *[Noted("x")] * 20)
    worker = _worker(store, impatient, PATIENTLY, projection)
    await worker.catch_up()
    for _ in range(20):
        assert await names_of(impatient) == ["ann"]
    sql = f"ALTER TABLE {MEMBERS} ALTER name TYPE text, ALTER full_name TYPE text"
    postgres.execute(sql, name_of(postgres_url))
    assert await names_of(impatient) == ["ann"]
    await append(store, "note-1", Noted("y"))
    assert await worker.catch_up() == 22
    assert seen == [1] * 21
    assert worker.status.parked == 0
