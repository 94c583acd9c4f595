"""Worker processes that share, die, are stopped and go on: each event once, in order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from backstory import EventStore, NewEvent, ReadModel, open_store
from backstory.projections.tables import lease_table
from tests.services.command import PATIENCE, started
from tests.services.working import applied_table, count, tally

ROWS = select(
    applied_table.c.position,
    applied_table.c.stream,
    applied_table.c.revision,
    applied_table.c.process,
).order_by(applied_table.c.number)
OWNERS = select(lease_table.c.owner).where(lease_table.c.projection == "tally")
STREAMS = 12


class Place:
    """A store and a read model, and the worker processes on them."""

    def __init__(self, store_url: str, model_url: str, folder: Path) -> None:
        """Take the URLs."""
        self.store_url = store_url
        self.model_url = model_url
        self.folder = folder
        self.store: EventStore
        self.model: ReadModel
        self._stack = ExitStack()

    async def open(self) -> None:
        """Open both."""
        self.store = await open_store(self.store_url)
        self.model = await ReadModel.open(self.model_url)

    async def close(self) -> None:
        """Let every process go, and close both."""
        self._stack.close()
        await self.model.close()
        await self.store.close()

    def work(self, *, lease: float = 1.0, name: str = "tally") -> subprocess.Popen[str]:
        """Start a worker process."""
        return self._stack.enter_context(
            started(
                *("work", "--app", "tests.services.working:application", "--projection", name),
                *("--store", self.store_url, "--read-model", self.model_url),
                *("--lease", str(lease), "--json"),
            )
        )

    async def append(self, *events: NewEvent, to: str | None = None) -> None:
        """Append each to a stream of its number's, or all to one."""
        for number, event in enumerate(events):
            await self.store.append(to or f"thing-{number % STREAMS}", [event])

    async def rows(self) -> list[tuple[int, str, int, int]]:
        """Return position, stream, revision and process of what was applied, in that order."""
        return [(p, s, r, by) for p, s, r, by in await self.model.all(ROWS)]  # type: ignore[misc]  # as selected

    async def applied(self) -> list[tuple[int, str, int, int]]:
        """Return the rows once everything is applied; each event once, each stream in order."""
        await self.model.wait_for("tally", await self.store.head(), timeout=PATIENCE)
        rows = await self.rows()
        assert sorted(row[0] for row in rows) == list(range(1, await self.store.head() + 1))
        for stream in {row[1] for row in rows}:
            revisions = [row[2] for row in rows if row[1] == stream]
            assert revisions == sorted(revisions)
        return rows

    async def owners(self) -> list[str]:
        """Return who holds each partition that somebody holds."""
        return [str(row[0]) for row in await self.model.all(OWNERS) if row[0] is not None]

    async def shared_by(self, processes: int) -> Counter[str]:
        """Return who holds how many partitions, once so many processes share all of them."""

        async def shared() -> bool:
            owners = await self.owners()
            return len(owners) == tally.partitions and len(set(owners)) == processes

        await until(shared)
        return Counter(await self.owners())


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as *condition* holds."""
    end = time.monotonic() + PATIENCE
    while not await _held(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def _held(condition: Callable[[], object]) -> object:
    found = condition()
    return await found if asyncio.iscoroutine(found) else found


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Return a store and a read model, both in SQLite or both in PostgreSQL."""
    if request.param == "sqlite":
        urls = (f"sqlite:///{tmp_path}/events.db", f"sqlite:///{tmp_path}/read.db")
    else:
        urls = (request.getfixturevalue("postgres_url"),) * 2
    found = Place(*urls, tmp_path)
    await found.open()
    yield found
    await found.close()


async def test_one_that_is_killed_in_the_middle_of_a_batch_is_taken_over_from(
    place: Place,
) -> None:
    """Within the lease; nothing of its batch counts, and nothing is applied twice or missed."""
    hold = place.folder / "hold"
    numbers = [count(number) for number in range(100)]
    await place.append(*numbers[:50], count(50, hold=hold), *numbers[50:])
    first = place.work()
    await until((place.folder / "hold.reached").exists)
    second = place.work()
    first.kill()
    first.wait(PATIENCE)
    hold.unlink()
    began = time.monotonic()
    rows = await place.applied()
    assert time.monotonic() - began < 10  # a lease of one second, and a busy machine
    assert second.pid in {row[3] for row in rows}
    await place.shared_by(1)


async def test_one_that_was_stopped_and_goes_on_writes_nothing_with_its_old_lease(
    place: Place,
) -> None:
    """It lost its partitions meanwhile; it notices, writes nothing twice, and shares again."""
    await place.append(*[count(number) for number in range(40)])
    first = place.work()
    await place.applied()
    first.send_signal(signal.SIGSTOP)
    place.work()
    await place.append(*[count(number) for number in range(40, 80)])
    rows = await place.applied()
    assert {row[3] for row in rows[:40]} == {first.pid}
    assert first.pid not in {row[3] for row in rows[40:]}
    first.send_signal(signal.SIGCONT)
    await place.append(*[count(number) for number in range(80, 120)])
    await place.applied()
    await place.shared_by(2)
    await place.append(*[count(number) for number in range(120, 160)])
    assert {row[3] for row in (await place.applied())[120:]} == {
        row[3] for row in await place.rows()
    }


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_a_batch_of_a_stopped_process_holds_nobody_up(place: Place) -> None:
    """It has locked the rows that the next one needs; its transaction is ended on the server."""
    hold = place.folder / "hold"
    await place.append(count(0, hold=hold), *[count(number) for number in range(1, 40)])
    first = place.work()
    await until((place.folder / "hold.reached").exists)
    first.send_signal(signal.SIGSTOP)
    hold.unlink()
    second = place.work()
    of_held = next(row for row in await place.applied() if row[0] == 1)
    assert of_held[3] == second.pid
    first.send_signal(signal.SIGCONT)
    await place.append(*[count(number) for number in range(40, 80)])
    await place.applied()
    await place.shared_by(2)


async def test_one_that_is_told_to_end_finishes_its_batch_and_hands_over_at_once(
    place: Place,
) -> None:
    """A deployment must cost neither an error nor a minute of standing still."""
    hold = place.folder / "hold"
    await place.append(count(0, hold=hold), *[count(number) for number in range(1, 30)])
    first = place.work(lease=60)
    await until((place.folder / "hold.reached").exists)
    first.send_signal(signal.SIGTERM)
    second = place.work(lease=60)
    hold.unlink()
    assert first.wait(PATIENCE) == 0
    rows = await place.applied()
    assert first.pid in {row[3] for row in rows}
    await place.append(*[count(number) for number in range(30, 60)])
    assert {row[3] for row in (await place.applied())[30:]} == {second.pid}


async def test_several_share_evenly_and_each_event_is_applied_by_one(place: Place) -> None:
    """Start it as often as you like: nothing else has to be told."""
    processes = [place.work() for _ in range(3)]
    held = await place.shared_by(3)
    assert sorted(held.values()) == [1, 1, 2]
    await place.append(*[count(number) for number in range(120)])
    rows = await place.applied()
    assert {row[3] for row in rows} == {process.pid for process in processes}


async def test_an_effect_whose_process_died_is_repeated_with_the_same_key(place: Place) -> None:
    """At least once, and told apart by the key; nothing else comes twice."""
    hold, told = place.folder / "hold", place.folder / "told"
    numbers = [count(number, told=told) for number in range(5)]
    await place.append(*numbers, count(5, hold=hold, told=told), to="thing-1")
    first = place.work(name="telling")
    await until((place.folder / "hold.reached").exists)
    first.kill()
    first.wait(PATIENCE)
    hold.unlink()
    place.work(name="telling")
    await place.model.wait_for("telling", await place.store.head(), timeout=PATIENCE)
    lines = told.read_text(encoding="utf-8").splitlines()
    assert [int(line.split()[0]) for line in lines] == [1, 2, 3, 4, 5, 6, 6]
    assert lines[5] == lines[6]
    assert len({line.split()[1] for line in lines}) == 6
