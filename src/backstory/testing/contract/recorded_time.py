"""Time is a prefix: `recorded_at` never falls as position grows, whatever the clock does."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta

from backstory.core.store import Power
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.making import NOON, HandClock, Opener
from backstory.testing.samples import all_of, check_order, fact, facts

MICROSECOND = timedelta(microseconds=1)


class RecordedTimeTopic(Topic):
    """What `recorded_at` says."""

    async def test_the_time_is_that_of_the_clock_to_the_microsecond(self, opener: Opener) -> None:
        """While the clock goes forward, its time is the one recorded."""
        clock = HandClock()
        store = await opener.open(clock)
        times = [NOON + 999_999 * number * MICROSECOND for number in range(20)]
        for clock.now in times:
            await store.append("user-1", facts(2))
        log = await all_of(store)
        assert [event.recorded_at for event in log[0::2]] == times
        assert [event.recorded_at for event in log[1::2]] == times

    async def test_a_clock_that_runs_backwards_is_not_followed(self, opener: Opener) -> None:
        """Time stands still until the clock has caught up."""
        clock = HandClock()
        store = await opener.open(clock)
        for seconds in (0, 60, 30, -86_400, 59, 61):
            clock.now = NOON + timedelta(seconds=seconds)
            await store.append(f"user-{seconds}", [fact()])
        recorded = [event.recorded_at - NOON for event in await all_of(store)]
        assert [time.total_seconds() for time in recorded] == [0, 60, 60, 60, 60, 61]

    async def test_time_never_falls_with_a_wild_clock_and_many_writers(
        self, opener: Opener
    ) -> None:
        """Concurrent appends and a clock that jumps both ways leave one rising time."""
        wild = random.Random(2024)  # noqa: S311 - a clock, not a secret

        def clock() -> datetime:
            return NOON + wild.randrange(-10_000, 10_000) * MICROSECOND

        store = await opener.open(clock)
        for _ in range(10):
            await asyncio.gather(*(store.append(f"user-{n % 7}", facts(2)) for n in range(20)))
        log = await all_of(store)
        check_order(log)
        assert len({event.recorded_at for event in log}) > 1

    async def test_a_time_names_one_prefix_of_the_log(self, opener: Opener) -> None:
        """What was recorded up to a time is the log up to a position."""
        clock = HandClock()
        store = await opener.open(clock)
        for seconds in (0, 5, 2, 9, 4, 9, 12):
            clock.now = NOON + timedelta(seconds=seconds)
            await store.append("user-1", facts(2))
        log = await all_of(store)
        for seconds in range(-1, 14):
            moment = NOON + timedelta(seconds=seconds)
            prefix = [event.position for event in log if event.recorded_at <= moment]
            assert prefix == list(range(1, len(prefix) + 1))

    @requires(Power.DURABLE)
    async def test_time_never_falls_when_a_store_is_reopened_in_the_past(
        self, opener: Opener
    ) -> None:
        """The newest recorded time outlives the process that recorded it."""
        first = await opener.open(HandClock())
        await first.append("user-1", [fact()])
        await first.close()
        second = await opener.open(HandClock(NOON - timedelta(days=1)))
        await second.append("user-2", [fact()])
        assert [event.recorded_at for event in await all_of(second)] == [NOON, NOON]
