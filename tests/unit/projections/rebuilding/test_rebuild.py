"""A rebuild: the same rows from the same events, put in place while everybody goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from sqlalchemy import select, update

from backstory.core.errors import HandlerFailed, InvalidInput, RebuildRefused
from backstory.core.events import RecordedEvent
from backstory.projections.parked_table import list_parked
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write
from backstory.projections.reactor import Reactor
from backstory.projections.read_model import ReadModel
from backstory.projections.rebuilding.rebuild import (
    Phase,
    RebuildPolicy,
    RebuildProgress,
    Rebuilt,
    rebuild,
)
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Renamed,
    append,
    insert_member,
    join_all,
    member_table,
    members_of,
    members_projection,
    names_of,
    schema,
    worker_of,
)

NAMES = ["ann", "bob", "cleo", "dan", "eve"]


@pytest.fixture
async def live(store: MemoryStore, read_model: ReadModel) -> ReadModel:
    """Return a read model that has applied a history of five members."""
    await join_all(store, NAMES)
    await append(store, "member-bob", Renamed("bob", "Bob B."))
    await append(store, "member-cleo", Left("cleo"))
    await worker_of(store, read_model).catch_up()
    return read_model


async def rebuilt(
    store: MemoryStore,
    read_model: ReadModel,
    projection: Projection | None = None,
    policy: RebuildPolicy = RebuildPolicy(),  # noqa: B008 - a frozen value
) -> Rebuilt:
    """Rebuild the projection of members."""
    return await rebuild(
        projection or members_projection(),
        schema=schema,
        store=store,
        read_model=read_model,
        policy=policy,
    )


async def spoil(read_model: ReadModel) -> None:
    """Change a row behind the projection's back."""
    wrong = update(member_table).where(member_table.c.name == "ann").values(full_name="Wrong")
    await asyncio.to_thread(read_model.write, lambda connection: connection.execute(wrong).rowcount)


async def test_it_brings_back_what_the_events_say(store: MemoryStore, live: ReadModel) -> None:
    """Rows, numbers and checkpoint are those of a read model that was never spoiled."""
    before = await members_of(live)
    await spoil(live)
    done = await rebuilt(store, live)
    assert await members_of(live) == before
    assert await live.checkpoint("members") == done.position == 7
    assert (done.swapped, done.began, done.comparison.positions) == (True, 0, (7,))
    [table] = done.comparison.tables
    assert (table.live, table.rebuilt, table.same) == (4, 4, False)
    assert [row["full_name"] for row in table.only_live] == ["Wrong"]
    assert [row["full_name"] for row in table.only_rebuilt] == ["Ann"]


async def test_a_worker_goes_on_in_the_new_tables(store: MemoryStore, live: ReadModel) -> None:
    """It is told nothing, and misses nothing; the next row gets the next number."""
    worker = worker_of(store, live)
    running = asyncio.ensure_future(worker.run())
    await worker.wait_for(7, 5)
    await rebuilt(store, live)
    end = await join_all(store, ["flo", "gus"])
    await worker.wait_for(end, 5)
    assert await names_of(live) == ["ann", "bob", "dan", "eve", "flo", "gus"]
    assert [row[0] for row in await members_of(live)][-2:] == [6, 7]
    await worker.stop()
    await running


async def test_only_comparing_changes_nothing(store: MemoryStore, live: ReadModel) -> None:
    """A rehearsal, before the real thing."""
    await spoil(live)
    before = await members_of(live)
    done = await rebuilt(store, live, policy=RebuildPolicy(swap=False))
    assert (done.swapped, done.comparison.same) == (False, False)
    assert await members_of(live) == before
    same = await rebuilt(store, live)
    assert same.began == 0  # nothing was left behind


async def test_equal_tables_are_told_to_be_equal(store: MemoryStore, live: ReadModel) -> None:
    """What a nightly check wants to hear."""
    done = await rebuilt(store, live, policy=RebuildPolicy(swap=False))
    assert done.comparison.same
    assert done.comparison.renumbered == 0


async def test_what_was_never_live_is_built_and_put_in_place(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A new projection begins this way without slowing the others down."""
    await join_all(store, NAMES)
    done = await rebuilt(store, read_model)
    assert done.comparison.reason == "nothing is live yet"
    assert await names_of(read_model) == NAMES
    assert await read_model.checkpoint("members") == 5
    await worker_of(store, read_model).catch_up()
    assert await names_of(read_model) == NAMES


async def test_numbers_that_users_hold_are_not_changed_in_silence(
    store: MemoryStore, live: ReadModel
) -> None:
    """An id that was handed out must go on to mean the same row."""
    moved = update(member_table).where(member_table.c.name == "eve").values(id=50)
    await asyncio.to_thread(live.write, lambda connection: connection.execute(moved).rowcount)
    with pytest.raises(RebuildRefused, match="1 rows would get other numbers"):
        await rebuilt(store, live)
    assert [row[0] for row in await members_of(live)] == [1, 2, 4, 50]
    done = await rebuilt(store, live, policy=RebuildPolicy(renumber=True))
    assert done.began == 7  # what was built waited
    assert [row[0] for row in await members_of(live)] == [1, 2, 4, 5]


async def test_a_changed_projection_takes_over(store: MemoryStore, live: ReadModel) -> None:
    """The reason why most rebuilds are done: the handlers are others now."""
    changed = Projection("members", tables=[member_table])

    @changed.on(Joined)
    def joined(event: Joined, recorded: RecordedEvent) -> Iterator[Write]:
        row = {"name": event.name, "full_name": event.name.upper(), "joined_at": event.at}
        yield insert_member, {**row, "recorded_at": recorded.recorded_at, "renamed": 0}

    done = await rebuilt(store, live, changed)
    assert await names_of(live) == NAMES
    assert [(t.live, t.rebuilt) for t in done.comparison.tables] == [(4, 5)]


async def test_what_another_code_built_is_not_gone_on_with(
    store: MemoryStore, live: ReadModel
) -> None:
    """Rows of two versions must never be mixed."""
    moved = update(member_table).where(member_table.c.name == "eve").values(id=50)
    await asyncio.to_thread(live.write, lambda connection: connection.execute(moved).rowcount)
    with pytest.raises(RebuildRefused):
        await rebuilt(store, live)  # leaves what it built
    more = Projection("members", tables=[member_table])

    @more.on(Joined)
    def joined(event: Joined, recorded: RecordedEvent) -> Iterator[Write]:
        row = {"name": event.name, "full_name": "x", "joined_at": event.at, "renamed": 0}
        yield insert_member, {**row, "recorded_at": recorded.recorded_at}

    done = await rebuilt(store, live, more, RebuildPolicy(renumber=True))
    assert done.began == 0


async def test_parked_events_change_with_the_rows(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """A stream whose event was parked goes on waiting, or does not any more."""
    await append(store, "member-ann", Joined("ann", START), Joined("ann", START))
    parking = members_projection()
    parking.on_failure = Park()
    await worker_of(store, read_model, parking).catch_up()
    assert [event.position for event in await list_parked(read_model, "members", limit=9)] == [2]
    await rebuilt(store, read_model, parking)
    assert [event.position for event in await list_parked(read_model, "members", limit=9)] == [2]


async def test_an_event_that_fails_ends_it_and_nothing_is_changed(
    store: MemoryStore, live: ReadModel
) -> None:
    """The live rows were right as far as they went."""
    before = await members_of(live)
    failing = members_projection()
    await append(store, "member-ann", Joined("ann", START))
    with pytest.raises(HandlerFailed, match="position 8"):
        await rebuilt(store, live, failing)
    assert await members_of(live) == before
    assert await live.checkpoint("members") == 7


async def test_two_at_once_are_refused(store: MemoryStore, live: ReadModel) -> None:
    """The second would build into the first one's tables."""
    refused: list[str] = []

    async def second() -> None:
        with pytest.raises(RebuildRefused, match="already") as caught:
            await rebuilt(store, live)
        refused.append(str(caught.value))

    begun = asyncio.Event()

    head = store.head

    async def slowly() -> int:
        begun.set()
        await asyncio.wait_for(asyncio.shield(other), 10)
        return await head()

    other = asyncio.ensure_future(_after(begun, second))
    store.head = slowly  # type: ignore[method-assign]  # holds the first one up
    await rebuilt(store, live)
    assert len(refused) == 1


async def _after(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    await event.wait()
    await work()


async def test_a_reactor_is_never_rebuilt(store: MemoryStore, live: ReadModel) -> None:
    """Nobody gets last year's mails again."""
    with pytest.raises(InvalidInput, match="never run again"):
        await rebuilt(store, live, Reactor("mail"))  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("partitions", [1, 3])
async def test_the_number_of_partitions_can_be_changed_by_it(
    store: MemoryStore, live: ReadModel, partitions: int
) -> None:
    """The only way, because rows were applied in another order; numbers stay as they were."""
    before = await members_of(live)
    split = members_projection()
    split.partitions = partitions
    await rebuilt(store, live, split)
    assert await members_of(live) == before
    await join_all(store, ["flo"])
    await worker_of(store, live, split).catch_up()
    assert await live.checkpoint("members") == 8
    assert len(await names_of(live)) == 5


async def test_progress_is_told_and_is_truthful(store: MemoryStore, live: ReadModel) -> None:
    """From the first event to the head, through each phase, and never backwards."""
    told: list[RebuildProgress] = []
    await rebuild(
        members_projection(), schema=schema, store=store, read_model=live, tell=told.append
    )
    assert [each.position for each in told] == sorted(each.position for each in told)
    assert (told[-1].position, told[-1].target, told[-1].phase) == (7, 7, Phase.SWAPPING)


async def test_readers_see_all_old_or_all_new(store: MemoryStore, live: ReadModel) -> None:
    """Never an empty table, never a mixture, however often they look."""
    count = select(member_table.c.full_name).order_by(member_table.c.id)
    await asyncio.to_thread(
        live.write, lambda c: c.execute(update(member_table).values(full_name="old")).rowcount
    )
    seen: set[tuple[object, ...]] = set()
    stopping = asyncio.Event()

    async def look() -> None:
        while not stopping.is_set():
            seen.add(tuple(row[0] for row in await live.all(count)))
            await asyncio.sleep(0)

    looking = [asyncio.ensure_future(look()) for _ in range(3)]
    await rebuilt(store, live)
    after = tuple(row[0] for row in await live.all(count))
    stopping.set()
    await asyncio.gather(*looking)
    assert seen == {("old",) * 4, after}
    assert len(after) == 4
