"""Sharing: several processes append to and follow one store at once, and see one order."""

from __future__ import annotations

import asyncio

from backstory.core.events import Appended
from backstory.core.expected import NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.store import Power
from backstory.testing.contract.durability import check_acknowledged
from backstory.testing.contract.ordering import follow, watch, write
from backstory.testing.contract.powers import requires
from backstory.testing.contract.processes import Child
from backstory.testing.contract.topic import Topic
from backstory.testing.contract.waiting import SOON, wait_beyond
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, check_order, fact, facts

WRITERS, COUNT = 4, 60
EVENTS = sum(1 + (number + writer) % 3 for number in range(COUNT) for writer in range(WRITERS))


@requires(Power.SHARED)
class SharingTopic(Topic):
    """What several users of one store see of one another."""

    async def test_processes_append_in_one_order_and_followers_miss_nothing(
        self, opener: Opener
    ) -> None:
        """Two writing and two following processes, and this one doing both, see one order."""
        store = await opener.open()
        done = asyncio.Event()
        here = [asyncio.create_task(follow(store, done, limit)) for limit in (3, 100)]
        looking = asyncio.create_task(watch(store, done))
        writers = [await Child.start(opener, "append", n, WRITERS, COUNT) for n in ("one", "two")]
        ours = await asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        total = 2 * EVENTS + sum(len(batch) for answers in ours for _, batch in answers)
        followers = [await Child.start(opener, "follow", total) for _ in range(2)]
        said = [line for each in writers for line in await each.result()]
        done.set()
        await looking
        log = await all_of(store)
        check_order(log)
        check_acknowledged(log, said)
        assert len(log) == total
        wanted = [[event.position, str(event.id)] for event in log]
        assert [await each.result() for each in followers] == [wanted, wanted]
        assert await asyncio.gather(*here) == [list(range(1, total + 1))] * 2

    async def test_exactly_one_process_wins_each_revision(self, opener: Opener) -> None:
        """Processes that race with exact expectations win every revision once."""
        racers = [await Child.start(opener, "race", "user-1", 60) for _ in range(3)]
        won = [revision for each in racers for [revision] in await each.result()]
        assert sorted(map(str, won)) == sorted(map(str, range(180)))
        check_order(await all_of(await opener.open()))

    async def test_an_append_elsewhere_ends_a_wait(self, opener: Opener) -> None:
        """Whoever waits learns of another process's append long before the timeout."""
        store = await opener.open()
        waiter = asyncio.create_task(wait_beyond(store, 0))
        child = await Child.start(opener, "append", "other", 1, 1)
        await child.result()
        async with asyncio.timeout(SOON):
            assert await waiter == 1

    async def test_two_stores_at_one_place_are_one(self, opener: Opener) -> None:
        """What is appended through one is at once seen, and respected, through the other."""
        one, two = await opener.open(), await opener.open()
        batch = facts(2)
        original = await one.append("user-1", batch, expected=NO_STREAM)
        assert await two.head() == 2
        assert await all_of(two) == await all_of(one)
        assert await two.append("user-1", batch, expected=NO_STREAM) == original
        assert await two.append("user-1", [fact()], expected=1) == Appended("user-1", 2, 3)
        assert await one.append("user-2", [fact()]) == Appended("user-2", 0, 4)
        assert await one.head() == await two.head() == 4

    async def test_of_two_stores_racing_at_one_place_one_wins(self, opener: Opener) -> None:
        """The expectation is checked against what the other has written."""
        one, two = await opener.open(), await opener.open()
        expected: Expected = NO_STREAM
        for revision in range(20):
            outcomes = await asyncio.gather(
                *(each.append("user-1", [fact()], expected=expected) for each in (one, two) * 3),
                return_exceptions=True,
            )
            won = [each for each in outcomes if isinstance(each, Appended)]
            lost = [each for each in outcomes if isinstance(each, WrongExpectedRevision)]
            assert won == [Appended("user-1", revision, revision + 1)]
            assert len(lost) == 5
            expected = revision

    async def test_an_append_through_one_store_ends_a_wait_on_the_other(
        self, opener: Opener
    ) -> None:
        """Waiting does not depend on who appends."""
        one, two = await opener.open(), await opener.open()
        for number in range(5):
            waiter = asyncio.create_task(wait_beyond(two, number))
            await asyncio.sleep(0.02)
            await one.append("user-1", [fact(number)])
            async with asyncio.timeout(SOON):
                assert await waiter == number + 1
