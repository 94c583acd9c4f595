from __future__ import annotations

import asyncio

import pytest

from backstory.core.errors import CheckpointAhead, InvalidRead, StoreClosed
from backstory.core.read import BACKWARDS, Read
from backstory.projections.backoff import Backoff
from backstory.projections.subscription import Batch, State, Subscription
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import START, Joined, Noted, append, join_all, until
from tests.unit.projections.unreliable import UnreliableStore

AT_ONCE = Backoff(first=0.0, longest=0.0)


async def _until(subscription: Subscription, position: int) -> list[Batch]:
    """Return the batches up to *position*."""
    batches: list[Batch] = []
    while not batches or batches[-1].position < position:
        batches.append(await anext(subscription))
    return batches


async def _live(subscription: Subscription) -> asyncio.Future[Batch]:
    """Return the task that waits for the next batch, once the subscription is live."""
    waiting = asyncio.ensure_future(anext(subscription))
    await until(lambda: subscription.state is State.LIVE)
    return waiting


def _positions(batches: list[Batch]) -> list[int]:
    return [event.position for batch in batches for event in batch.events]


async def test_it_catches_up_page_by_page_and_is_live_at_the_head(store: MemoryStore) -> None:
    """What was there comes in pages of the limit; what comes later comes live."""
    await join_all(store, [f"m{n}" for n in range(25)])
    subscription = Subscription(store, Read(limit=10))
    batches = await _until(subscription, 25)
    assert [len(batch.events) for batch in batches] == [10, 10, 5]
    assert {batch.state for batch in batches} == {State.CATCHING_UP}
    waiting = await _live(subscription)
    await join_all(store, ["late"])
    batch = await waiting
    assert (batch.state, batch.position, subscription.state) == (State.LIVE, 26, State.LIVE)


async def test_there_is_no_gap_and_no_duplicate_where_catching_up_meets_live(
    store: MemoryStore,
) -> None:
    """Writers keep appending while the subscription crosses the seam, at many page sizes."""

    async def write(writer: int) -> None:
        for n in range(100):
            await append(store, f"member-{writer}", Joined(f"w{writer}-{n}", START))
            await asyncio.sleep(0)

    await join_all(store, [f"m{n}" for n in range(100)])
    followers = [Subscription(store, Read(limit=limit)) for limit in (1, 7, 50, 1000)]
    async with asyncio.TaskGroup() as group:
        for writer in range(4):
            group.create_task(write(writer))
        found = [group.create_task(_until(follower, 500)) for follower in followers]
    for task in found:
        assert _positions(task.result()) == list(range(1, 501))


async def test_it_says_so_when_it_falls_more_than_a_page_behind(store: MemoryStore) -> None:
    """A live subscription that lags delivers a page as LAGGING and catches up again."""
    subscription = Subscription(store, Read(limit=5))
    await join_all(store, ["first"])
    assert (await anext(subscription)).state is State.CATCHING_UP
    waiting = await _live(subscription)
    await join_all(store, ["second"])
    assert (await waiting).state is State.LIVE
    await join_all(store, [f"m{n}" for n in range(12)])
    batches = await _until(subscription, 14)
    assert [batch.state for batch in batches] == [
        State.LAGGING,
        State.CATCHING_UP,
        State.CATCHING_UP,
    ]
    waiting = await _live(subscription)
    await join_all(store, ["last"])
    assert (await waiting).state is State.LIVE
    assert _positions(batches) == list(range(3, 15))


@pytest.mark.parametrize("failures", [1, 2, 5])
async def test_it_goes_on_behind_the_last_event_after_the_store_was_unavailable(
    store: MemoryStore, failures: int
) -> None:
    """Losing the store between and during pages loses no event and repeats none."""
    flaky = UnreliableStore(store)
    subscription = Subscription(flaky, Read(limit=3), backoff=AT_ONCE)
    batches: list[Batch] = []
    for n in range(10):
        await join_all(store, [f"a{n}", f"b{n}"])
        flaky.failures_left = failures
        batches += await _until(subscription, 2 * n + 2)
    assert _positions(batches) == list(range(1, 21))


async def test_it_is_reconnecting_while_the_store_is_unavailable(store: MemoryStore) -> None:
    """The state tells why nothing comes, and closing ends even a long wait."""
    flaky = UnreliableStore(store)
    flaky.failures_left = 1
    subscription = Subscription(flaky, Read(), backoff=Backoff(first=60, longest=60))
    waiting = asyncio.create_task(anext(subscription, None))
    await until(lambda: subscription.state is State.RECONNECTING)
    await subscription.close()
    assert await waiting is None
    assert subscription.state is State.CLOSED


async def test_waits_grow_to_the_longest_and_are_never_more_than_halved() -> None:
    """Whoever failed together does not come back together, and an outage of days is no overflow."""
    slow, quick = Backoff(1, 8, lambda: 0.0), Backoff(1, 8, lambda: 1.0)
    assert [slow.delay(n) for n in (1, 2, 3, 4, 5, 100_000)] == [1, 2, 4, 8, 8, 8]
    assert [quick.delay(n) for n in (1, 2, 3, 4, 5, 100_000)] == [0.5, 1, 2, 4, 4, 4]


async def test_events_of_no_interest_still_advance_the_position(store: MemoryStore) -> None:
    """Otherwise a checkpoint would stand still and a restart read everything again."""
    await join_all(store, ["one"])
    for n in range(30):
        await append(store, "note-1", Noted(str(n)))
    subscription = Subscription(store, Read(types=("joined",), limit=10))
    first, second = await anext(subscription), await anext(subscription)
    assert [event.type for event in first.events] == ["joined"]
    assert (list(second.events), second.position) == ([], 31)


async def test_a_stream_is_followed_behind_a_position(store: MemoryStore) -> None:
    """A stream is read by revision, and what stands at or before the position is not repeated."""
    for n in range(10):
        await append(store, "member-a", Joined(f"a{n}", START))
        await append(store, "member-b", Joined(f"b{n}", START))
    subscription = Subscription(store, Read(stream="member-a", limit=3), after=5)
    batches = await _until(subscription, 20)
    assert _positions(batches) == [7, 9, 11, 13, 15, 17, 19]
    position = await append(store, "member-a", Joined("late", START))
    assert _positions(await _until(subscription, position)) == [position]


async def test_a_category_is_followed_alone(store: MemoryStore) -> None:
    """Streams of other categories are not delivered."""
    await append(store, "note-1", Noted("x"))
    await join_all(store, ["one"])
    subscription = Subscription(store, Read(category="member"))
    assert [event.stream for event in (await anext(subscription)).events] == ["member-one"]


async def test_it_reads_nothing_before_it_is_asked(store: MemoryStore) -> None:
    """A slow reader costs one page of memory, however much is waiting."""
    counting = UnreliableStore(store)
    await join_all(store, [f"m{n}" for n in range(50)])
    subscription = Subscription(counting, Read(limit=10))
    await anext(subscription)
    await asyncio.sleep(0.02)
    assert len(counting.reads) == 1


async def test_closing_wakes_whoever_waits_for_the_next_batch(store: MemoryStore) -> None:
    """A live subscription ends its iteration at once when it is closed."""
    subscription = Subscription(store, Read())
    waiting = asyncio.create_task(anext(subscription, None))
    await until(lambda: subscription.state is State.LIVE)
    await subscription.close()
    await subscription.close()
    assert await asyncio.wait_for(waiting, 1) is None


async def test_a_closed_store_ends_it_with_an_error() -> None:
    """Nothing will ever come from a closed store, so waiting for it would be wrong."""
    store = MemoryStore()
    subscription = Subscription(store, Read())
    waiting = asyncio.create_task(anext(subscription))
    await asyncio.sleep(0.01)
    await store.close()
    with pytest.raises(StoreClosed):
        await waiting


async def test_a_store_that_ends_before_the_position_is_refused(store: MemoryStore) -> None:
    """Following on silently would skip every event the restored store writes up to there."""
    await join_all(store, ["one"])
    with pytest.raises(CheckpointAhead, match="position 7, but the store ends at 1"):
        await anext(Subscription(store, Read(), after=7))


@pytest.mark.parametrize(
    "query", [Read(direction=BACKWARDS), Read(before=9), Read(until=9)], ids=repr
)
async def test_a_read_with_an_end_cannot_be_followed(store: MemoryStore, query: Read) -> None:
    """A subscription has no end, so a query with one is a mistake."""
    with pytest.raises(InvalidRead, match="no end"):
        Subscription(store, query)
