"""Processes that take, renew, lose and use leases in any order: each event is applied once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Final, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from backstory.core.errors import LeaseLost
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.projections.advancing import Advance
from backstory.projections.leases.seen import see
from backstory.projections.partitions import Partition, partitions_of
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from tests.unit.projections.leasing import LONG, move_clock, table_of
from tests.unit.projections.members import Noted, append

OWNERS: Final = 3
PARTITIONS: Final = 2
EVENTS: Final = 20

# No unique key: an event that is applied twice shows.
applied_table = Table(
    "applied",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("run", String(50), nullable=False),
    Column("position", Integer, nullable=False),
)
_insert = insert(applied_table)
_numbers = count()

Step: TypeAlias = tuple[str, int, int, int]
"""What is done next, by which process, with which partition, and how much of it."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["look and take", "apply", "apply", "jump"])
        | st.sampled_from(["look", "take", "renew", "release", "break", "restart", "jump back"]),
        st.integers(0, OWNERS - 1),
        st.integers(0, PARTITIONS - 1),
        st.integers(1, 9),
    ),
    max_size=60,
)


class Failure(Exception):
    """The process died in the middle of a batch."""


class Process:
    """One of the processes, with all that it believes to be true."""

    def __init__(self, run: Run, name: str) -> None:
        """Know nothing yet."""
        self._run = run
        self._table = table_of(run.model, name)
        self._name = name
        self._seen: dict[Partition, int] = {}
        self._advances: dict[Partition, Advance] = {}

    async def do(self, what: str, partition: Partition, number: int) -> None:
        """Do one step, with what it believes."""
        if what.startswith("look"):
            self._seen = dict((await see(self._run.model, self._name)).tokens)
        if what.endswith("take"):
            token = self._table.take(partition, self._seen.get(partition, 0))
            if token is not None:
                self._advances[partition] = Advance(partition, self._run.model, token)
                self._advances[partition].start()
        elif what == "renew":
            self._table.renew([partition.projection])
        elif what == "release" and partition in self._advances:
            self._table.release(partition)
        elif what == "restart":
            self._advances.clear()
        elif what in ("apply", "break") and partition in self._advances:
            self.apply(partition, number, fails=what == "break")

    def apply(self, partition: Partition, number: int, *, fails: bool = False) -> None:
        """Apply the next events; whoever has lost the lease must have written nothing."""
        advance = self._advances[partition]
        position = advance.position
        batch = [event for event in self._run.log if event.position > position][:number]
        if not batch:
            return
        rows = [{"run": self._run.name, "position": e.position} for e in partition.only(batch)]
        before = self._run.applied()

        def work(connection: Connection) -> int:
            for row in rows:
                connection.execute(_insert, row)
            if fails:
                raise Failure
            return 0

        try:
            advance.commit(batch[-1].position, work)
        except (LeaseLost, Failure) as error:
            assert self._run.applied() == before
            if isinstance(error, LeaseLost):
                del self._advances[partition]
        else:
            assert self._run.applied() == [*before, *(row["position"] for row in rows)]

    def is_done(self, partition: Partition) -> bool:
        """Say whether it has applied everything."""
        return self._advances[partition].position == EVENTS


class Run:
    """One history of processes, on a projection of its own."""

    def __init__(self, model: ReadModel, log: Sequence[RecordedEvent]) -> None:
        """Prepare the projection."""
        self.model = model
        self.log = log
        self.name = f"run {next(_numbers)}"
        self.projection = Projection(self.name, tables=[], partitions=PARTITIONS)
        self.partitions = partitions_of(self.name, PARTITIONS)
        self._rows = select(applied_table.c.position).where(applied_table.c.run == self.name)

    def applied(self) -> list[object]:
        """Return the positions applied, in the order of their rows."""
        rows = self._rows.order_by(applied_table.c.id)
        return list(self.model.write(lambda connection: connection.execute(rows).scalars().all()))

    async def go_through(self, plan: Sequence[Step]) -> None:
        """Do each step; whatever happens, no event is applied twice or out of order."""
        self.model.prepare_now(self.projection)
        processes = [Process(self, f"process {n} of {self.name}") for n in range(OWNERS)]
        for what, owner, number, much in plan:
            if what in ("jump", "jump back"):
                move_clock(self.model, (much if what == "jump" else -much) * LONG / 2)
            else:
                await processes[owner].do(what, self.partitions[number], much)
            self.check()
        await self._finish()

    def check(self) -> None:
        """Compare the rows with the checkpoints."""
        applied = self.applied()
        assert len(applied) == len(set(applied))
        for partition in self.partitions:
            mine = [e.position for e in partition.only(self.log)]
            done = [position for position in applied if position in mine]
            assert done == mine[: len(done)]

    async def _finish(self) -> None:
        """Let one more process, alone in the world, apply the rest."""
        move_clock(self.model, 100 * LONG)
        last = Process(self, f"the last of {self.name}")
        await last.do("look", self.partitions[0], 0)
        for partition in self.partitions:
            await last.do("take", partition, 0)
            while not last.is_done(partition):
                last.apply(partition, 7)
        assert sorted(map(str, self.applied())) == sorted(str(e.position) for e in self.log)


@pytest.fixture
async def log(store: MemoryStore) -> Sequence[RecordedEvent]:
    """Return the events of a few streams, which fall into all partitions."""
    for n in range(EVENTS):
        await append(store, f"note-{n % 5}", Noted(str(n)))
    log = await store.read(Read())
    assert all(part.only(log) for part in partitions_of("p", PARTITIONS))
    return log


@pytest.mark.parametrize(
    ("read_model_url", "examples"),
    [("sqlite", 60), ("postgresql", 12)],
    indirect=["read_model_url"],
)
def test_any_interleaving_of_processes_applies_each_event_once(
    read_model_url: str, log: Sequence[RecordedEvent], examples: int
) -> None:
    """Whatever processes believe, and whatever the clock does: the token decides."""

    @settings(max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps)
    def test(plan: list[Step]) -> None:
        runner.run(Run(model, log).go_through(plan))

    with asyncio.Runner() as runner:
        model = runner.run(ReadModel.open(read_model_url))
        model.write(applied_table.metadata.create_all)
        test()
        runner.run(model.close())
