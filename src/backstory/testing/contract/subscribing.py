"""Subscribing: catching up, then live, without a gap or a duplicate at the seam."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from backstory.core.errors import StoreClosed
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.projections.subscription import State, Subscription
from backstory.testing.contract.ordering import write
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, append_each, fact, facts

SOON = 30.0
"""Seconds; a hundred followers of a server on a busy machine take some."""
WRITERS = 8
QUERIES = {
    "one by one": Read(limit=1),
    "small pages": Read(limit=7),
    "everything": Read(),
    "a stream": Read(stream="shared-1", limit=3),
    "a category": Read(category="own", limit=5),
    "a type": Read(types=("counted",), limit=11),
    "nothing": Read(types=("other",)),
}


async def collect(
    subscription: Subscription,
    until: Callable[[], int | None],
    *,
    pause: float = 0,
) -> list[int]:
    """Return the positions delivered up to the one that *until* names, once it names one."""
    seen: list[int] = []
    covered = 0
    async with asyncio.timeout(SOON):
        async for batch in subscription:
            seen += [event.position for event in batch.events]
            assert covered < batch.position
            covered = batch.position
            await asyncio.sleep(pause)
            end = until()
            if end is not None and covered >= end:
                break
    await subscription.close()
    return seen


class SubscribingTopic(Topic):
    """What a subscription delivers from any store."""

    @pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
    async def test_the_seam_between_past_and_present_is_tight(
        self, store: EventStore, query: Read
    ) -> None:
        """Subscribed while writers append, every event arrives once and in order."""
        await append_each(store, "own-first", 25)
        ended: list[int] = []
        following = [
            asyncio.create_task(
                collect(Subscription(store, query), lambda: ended[0] if ended else None)
            )
            for _ in range(3)
        ]
        await asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        # One at a time, so that the followers also read at every single head.
        for number in range(60):
            await store.append("shared-1" if number % 2 else "own-1", [fact(number)])
            await asyncio.sleep(0.001 if number % 7 == 0 else 0)
        # Named before it is written: a follower may see the end sooner than its writer is answered.
        ended.append(await store.head() + 2)
        assert (await store.append("own-last", facts(2))).position == ended[0]
        wanted = [event.position for event in await all_of(store, query)]
        for seen in await asyncio.gather(*following):
            assert seen == wanted

    async def test_a_subscription_resumes_behind_any_position(self, store: EventStore) -> None:
        """Whoever comes back with the last position gets the rest and nothing twice."""
        for number in range(30):
            await store.append(f"user-{number % 3}", [fact(number, "ab"[number % 2])])
        for query in (Read(limit=4), Read(types=("a",), limit=4), Read(category="user", limit=1)):
            everything = [event.position for event in await all_of(store, query)]
            for after in (0, 1, 11, 28):
                seen = await collect(Subscription(store, query, after=after), lambda: 30)
                assert seen == [position for position in everything if position > after]

    async def test_a_slow_reader_misses_nothing_and_holds_one_page(self, store: EventStore) -> None:
        """However far a reader falls behind, batches stay as small as asked."""
        subscription = Subscription(store, Read(limit=5))
        sizes: list[int] = []
        writing = asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        seen: list[int] = []
        async with asyncio.timeout(SOON):
            async for batch in subscription:
                sizes.append(len(batch.events))
                seen += [event.position for event in batch.events]
                await asyncio.sleep(0.001)
                if writing.done() and batch.position == await store.head():
                    break
        await subscription.close()
        await writing
        assert seen == list(range(1, await store.head() + 1))
        assert max(sizes) <= 5

    async def test_a_live_subscription_delivers_each_append_soon(self, store: EventStore) -> None:
        """At the head every append is delivered at once, and the state says live."""
        await append_each(store, "user-1", 3)
        subscription = Subscription(store, Read())
        await anext(subscription)
        for number in range(4, 10):
            following = asyncio.ensure_future(anext(subscription))
            async with asyncio.timeout(SOON):
                while True:
                    await asyncio.sleep(0.01)
                    if subscription.state is State.LIVE:
                        break
                await store.append("user-1", [fact()])
                batch = await following
            assert [event.position for event in batch.events] == [number]
        await subscription.close()

    async def test_a_type_of_no_interest_moves_the_position_on(self, store: EventStore) -> None:
        """Progress is known although nothing is delivered."""
        await append_each(store, "user-1", 20)
        batch = await anext(Subscription(store, Read(types=("rare",))))
        assert (list(batch.events), batch.position) == ([], 20)

    async def test_a_subscription_learns_that_its_store_is_closed(self, store: EventStore) -> None:
        """Following a store that is closed ends with the reason, not in silence."""
        subscription = Subscription(store, Read())
        following = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0.02)
        await store.close()
        async with asyncio.timeout(SOON):
            with pytest.raises(StoreClosed):
                await following

    async def test_a_hundred_subscriptions_follow_one_store(self, store: EventStore) -> None:
        """Each of many subscribers gets everything."""
        query = msgspec.structs.replace(Read(), limit=10)
        following = [
            asyncio.create_task(collect(Subscription(store, query), lambda: 30)) for _ in range(100)
        ]
        await asyncio.sleep(0)
        await append_each(store, "user-1", 30)
        for seen in await asyncio.gather(*following):
            assert seen == list(range(1, 31))
