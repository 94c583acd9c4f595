from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, insert

from backstory.core.errors import CheckpointMoved, LeaseLost, ReadModelUnavailable
from backstory.projections.advancing import Advance
from backstory.projections.leases.lease import Lease
from backstory.projections.leases.seen import see
from backstory.projections.leases.table import LeaseTable
from backstory.projections.partitions import Partition
from backstory.projections.read_model import ReadModel
from tests.unit.projections.leasing import LONG, move_clock, table_of, token_of
from tests.unit.projections.members import (
    START,
    insert_member,
    members_projection,
    names_of,
    until,
)

FIRST = Partition("members", 0, 2)
SECOND = Partition("members", 1, 2)
ROW = {"full_name": "", "joined_at": START, "recorded_at": START, "renamed": 0}


@pytest.fixture
async def model(read_model: ReadModel) -> ReadModel:
    """Return a read model with a projection of two partitions that nobody applies."""
    projection = members_projection()
    projection.partitions = 2
    await read_model.prepare(projection)
    return read_model


@pytest.fixture
def ann(model: ReadModel) -> LeaseTable:
    """Return the leases as one process deals with them."""
    return table_of(model, "ann")


@pytest.fixture
def bob(model: ReadModel) -> LeaseTable:
    """Return the leases as another process deals with them."""
    return table_of(model, "bob")


def _write(name: str) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(insert_member, ROW | {"name": name})
        return 0

    return work


def _advance(model: ReadModel, token: int | None) -> Advance:
    advance = Advance(FIRST, model, token)
    advance.start()
    return advance


async def test_a_free_partition_is_taken_and_seen_by_all(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """Whoever looks knows who holds what, and who else follows."""
    assert ann.renew(["members"]) == {}
    assert bob.renew(["members", "others"]) == {}
    assert ann.take(FIRST, 0) == 1
    seen = await see(model, "bob")
    assert seen.held == {FIRST: "ann", SECOND: None}
    assert seen.tokens == {FIRST: 1, SECOND: 0}
    assert seen.able == {"members": {"ann", "bob"}, "others": {"bob"}}
    assert LONG - 5 < seen.changes_in <= LONG
    assert ann.renew(["members"]) == {("members", 0): 1}
    assert (await see(model, "ann")).changes_in == float("inf")


async def test_a_partition_that_somebody_holds_is_not_taken(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """A living owner is left in peace, whatever token the other one has seen."""
    assert ann.take(FIRST, 0) == 1
    assert [bob.take(FIRST, seen) for seen in (0, 1, 2)] == [None, None, None]
    assert token_of(model, FIRST) == 1


async def test_of_those_who_saw_the_same_one_takes(model: ReadModel) -> None:
    """Between a look and the taking somebody else may have been quicker."""
    owners = [table_of(model, f"owner {n}") for n in range(8)]
    taken = await asyncio.gather(*(asyncio.to_thread(_take_patiently, one) for one in owners))
    assert sorted(taken, key=str) == [1, *[None] * 7]
    assert token_of(model, FIRST) == 1


def _take_patiently(owner: LeaseTable) -> int | None:
    while True:
        try:
            return owner.take(FIRST, 0)
        except ReadModelUnavailable:  # the fixture gives up on locks quickly
            continue


async def test_an_expired_lease_is_taken_over_and_its_token_is_void(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """A process that was paused for too long goes on, and cannot write."""
    token = ann.take(FIRST, 0)
    late = _advance(model, token)
    late.commit(3, _write("in time"))
    move_clock(model, LONG + 1)
    assert (await see(model, "bob")).held == {FIRST: None, SECOND: None}
    assert bob.take(FIRST, 1) == 2
    with pytest.raises(LeaseLost) as caught:
        late.commit(4, _write("too late"))
    lost = caught.value
    assert (lost.projection, lost.partition, lost.token) == ("members", 0, 1)
    with pytest.raises(LeaseLost):
        late.commit(4, _write("still too late"))
    assert await names_of(model) == ["in time"]
    _advance(model, 2).commit(4, _write("by the other"))
    assert await names_of(model) == ["in time", "by the other"]
    assert ann.renew(["members"]) == {}


async def test_an_expired_lease_that_nobody_took_goes_on(model: ReadModel, ann: LeaseTable) -> None:
    """A pause that hurt nobody costs nothing."""
    token = ann.take(FIRST, 0)
    move_clock(model, 10 * LONG)
    _advance(model, token).commit(3, _write("ann"))
    assert ann.renew(["members"]) == {("members", 0): token}
    assert (await see(model, "bob")).held[FIRST] == "ann"


async def test_a_released_partition_is_free_at_once(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """Handing over waits for no lease to run out."""
    ann.take(FIRST, 0)
    bob.release(FIRST)  # not bob's
    assert (await see(model, "bob")).held[FIRST] == "ann"
    ann.release(FIRST)
    assert bob.take(FIRST, 1) == 2


async def test_who_leaves_is_gone_from_everything(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """Nobody waits for a process that has ended in order."""
    for owner in (ann, bob):
        owner.renew(["members"])
    ann.take(FIRST, 0)
    ann.leave()
    seen = await see(model, "bob")
    assert seen.held == {FIRST: None, SECOND: None}
    assert seen.able == {"members": {"bob"}}


async def test_the_dead_are_not_counted_and_then_forgotten(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """Their share goes to the living; the table does not grow with every restart."""
    ann.renew(["members"])
    ann.take(FIRST, 0)
    move_clock(model, LONG + 1)
    bob.renew(["members"])
    assert (await see(model, "bob")).able == {"members": {"bob"}}
    bob.forget_the_dead()
    assert ann.renew(["members"]) == {("members", 0): 1}  # ann was remembered, and is back
    move_clock(model, 3 * LONG)
    bob.forget_the_dead()
    assert (await see(model, "bob")).able == {}
    assert ann.renew(["members"]) == {("members", 0): 1}
    assert (await see(model, "bob")).able == {"members": {"ann"}}


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0], ids=["backwards", "forwards"])
async def test_a_clock_that_jumps_stops_nobody_and_lets_one_write(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable, jump: float
) -> None:
    """The lease looks expired either way; who took it last writes, the other one cannot."""
    first = _advance(model, ann.take(FIRST, 0))
    move_clock(model, jump)
    second = _advance(model, bob.take(FIRST, 1))
    with pytest.raises(LeaseLost):
        first.commit(1, _write("ann"))
    second.commit(1, _write("bob"))
    move_clock(model, -jump)
    assert ann.renew(["members"]) == {}
    with pytest.raises(LeaseLost):
        first.commit(1, _write("ann"))
    assert await names_of(model) == ["bob"]


async def test_a_clock_that_is_set_back_a_little_only_delays(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """A correction of the clock takes nothing from those who live."""
    ann.take(FIRST, 0)
    move_clock(model, -LONG / 2)
    assert bob.take(FIRST, 1) is None
    assert (await see(model, "bob")).held[FIRST] == "ann"


async def test_wiping_voids_every_token_there_was(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """A worker that was under way cannot write into what has begun anew, now or later."""
    old = _advance(model, ann.take(FIRST, 0))
    projection = members_projection()
    projection.partitions = 2
    await model.wipe(projection)
    with pytest.raises(LeaseLost):
        old.commit(1, _write("ann"))
    assert ann.renew(["members"]) == {}
    seen = (await see(model, "bob")).tokens[FIRST]
    token = bob.take(FIRST, seen)
    assert token is not None
    assert token > 1
    await model.wipe(projection)
    with pytest.raises(LeaseLost):
        _advance(model, token).commit(1, _write("bob"))
    assert await names_of(model) == []


async def test_a_worker_without_leases_is_told_of_the_position_alone(
    model: ReadModel, ann: LeaseTable
) -> None:
    """Embedded workers go on as before; who comes second has written nothing."""
    leased, embedded = _advance(model, ann.take(FIRST, 0)), _advance(model, None)
    embedded.commit(1, _write("embedded"))
    with pytest.raises(CheckpointMoved, match="partition 0"):
        leased.commit(1, _write("leased"))
    assert await names_of(model) == ["embedded"]


class _Stuck:
    """A batch of a process that was stopped in the middle of its transaction."""

    def __init__(self, advance: Advance) -> None:
        self._goes_on = threading.Event()
        self._wrote = threading.Event()
        self._task = asyncio.create_task(asyncio.to_thread(advance.commit, 1, self._work))

    def _work(self, connection: Connection) -> int:
        connection.execute(insert_member, ROW | {"name": "stuck"})
        self._wrote.set()
        self._goes_on.wait(30)
        connection.execute(insert(insert_member.table), ROW | {"name": "on its way"})
        return 0

    async def wait(self) -> None:
        await until(self._wrote.is_set)

    async def go_on(self) -> None:
        self._goes_on.set()
        await self._task


@contextmanager
def _going_on(stuck: _Stuck) -> Iterator[_Stuck]:
    try:
        yield stuck
    finally:
        stuck._goes_on.set()  # noqa: SLF001 - the thread must end, whatever the test found


@pytest.mark.parametrize("read_model_url", ["postgresql"], indirect=True)
async def test_a_process_stopped_in_the_middle_of_a_batch_keeps_nobody_waiting(
    model: ReadModel, bob: LeaseTable
) -> None:
    """Its transaction, which holds the rows, is ended; when it goes on it has written nothing."""
    ann = table_of(model, "ann", seconds=0.3)
    with _going_on(_Stuck(_advance(model, ann.take(FIRST, 0)))) as stuck:
        await stuck.wait()
        assert bob.take(FIRST, 1) is None  # the lease is good, and the transaction is young
        while (token := await asyncio.to_thread(bob.take, FIRST, 1)) is None:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(0.02)
        assert token == 2
        _advance(model, token).commit(1, _write("bob"))
        with pytest.raises(ReadModelUnavailable):
            await stuck.go_on()
    assert await names_of(model) == ["bob"]


@pytest.mark.parametrize("read_model_url", ["postgresql"], indirect=True)
async def test_who_merely_looks_after_parked_events_is_not_ended(
    model: ReadModel, ann: LeaseTable, bob: LeaseTable
) -> None:
    """A transaction that began a moment ago is not that of a process that died long ago."""
    ann.take(FIRST, 0)
    move_clock(model, LONG + 1)
    with _going_on(_Stuck(_advance(model, None))) as young:
        await young.wait()
        assert await asyncio.to_thread(bob.take, FIRST, 1) is None
        await young.go_on()
    assert bob.take(FIRST, 1) == 2


def _time() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 1


async def test_a_lease_that_was_not_renewed_is_waited_for() -> None:
    """A process that cannot reach the database applies nothing until it knows where it stands."""
    lease = Lease(FIRST, 7, until=2, clock=_time().__next__)
    assert [await lease.ready(), await lease.ready()] == [True, True]
    waiting = asyncio.create_task(lease.ready())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    lease.renew(100)
    assert await waiting is True


async def test_a_lease_that_is_lost_ends_the_waiting() -> None:
    """There is nothing to wait for: somebody else goes on."""
    lease = Lease(FIRST, 7, until=0, clock=_time().__next__)
    waiting = asyncio.create_task(lease.ready())
    await asyncio.sleep(0)
    lease.lose()
    with pytest.raises(LeaseLost, match="token 7"):
        await waiting
    assert lease.is_lost


async def test_a_lease_that_is_to_be_released_sends_home_who_waits() -> None:
    """A process that ends is not held up by a database it cannot reach."""
    lease = Lease(FIRST, 7, until=0, clock=_time().__next__)
    waiting = asyncio.create_task(lease.ready())
    await asyncio.sleep(0)
    lease.let_go()
    assert await waiting is False
    assert not lease.is_lost
