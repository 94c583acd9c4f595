"""One order, no gaps, no late arrivals, under any number of concurrent writers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backstory.core.events import Appended, NewEvent
from backstory.core.expected import NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, check_order, facts, ids_of

WRITERS = 24
APPENDS = 15
TOGETHER = 7  # and no multiple of it appends at once, so that no partial sum looks whole


async def write(store: EventStore, writer: int) -> list[tuple[Appended, Sequence[NewEvent]]]:
    """Append batches to a stream of one's own and to one shared by all; return the answers."""
    answers: list[tuple[Appended, Sequence[NewEvent]]] = []
    for number in range(APPENDS):
        stream = "shared-1" if number % 3 == 0 else f"own-{writer}"
        batch = facts(1 + (number + writer) % 3)
        answers.append((await store.append(stream, batch), batch))
        await asyncio.sleep(0)
    return answers


async def follow(store: EventStore, done: asyncio.Event, limit: int) -> list[int]:
    """Return the positions in the order a reader met them, until *done* and nothing is left."""
    seen: list[int] = []
    while True:
        finished = done.is_set()
        page = await store.read(Read(after=seen[-1] if seen else 0, limit=limit))
        seen += [event.position for event in page]
        await asyncio.sleep(0)
        if not page and finished:
            return seen
        if not page:
            await store.wait(seen[-1] if seen else 0, 0.05)


async def watch(store: EventStore, done: asyncio.Event) -> None:
    """Check, until *done*, that the log up to any head is complete and stays as it was seen."""
    known: list[bytes] = []
    while not done.is_set():
        head = await store.head()
        log = await all_of(store, Read(until=head, limit=50))
        check_order(log)
        assert len(log) == head
        ids = ids_of(log)
        assert ids[: len(known)] == known
        known = ids
        await asyncio.sleep(0)


class OrderingTopic(Topic):
    """What concurrent writers and readers see."""

    async def test_concurrent_appends_make_one_order_without_gaps(self, store: EventStore) -> None:
        """Every append takes the next positions, and its answer says which."""
        written = await asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        log = await all_of(store)
        check_order(log)
        answers = [answer for writer in written for answer in writer]
        assert len(log) == sum(len(batch) for _, batch in answers) == await store.head()
        for answered, batch in answers:
            stored = log[answered.position - len(batch) : answered.position]
            assert ids_of(stored) == ids_of(batch)
            assert (stored[-1].stream, stored[-1].revision) == (answered.stream, answered.revision)

    async def test_followers_see_every_position_once_and_in_order(self, store: EventStore) -> None:
        """Readers that go on from the last position seen miss nothing while writers append."""
        done = asyncio.Event()
        followers = [
            asyncio.create_task(follow(store, done, limit)) for limit in (1, 3, 100, 1_000)
        ]
        await asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        done.set()
        wanted = list(range(1, await store.head() + 1))
        for seen in await asyncio.gather(*followers):
            assert seen == wanted

    async def test_no_event_arrives_late(self, store: EventStore) -> None:
        """What was seen up to a head is complete: nothing is added at or below it later."""
        done = asyncio.Event()
        watchers = [asyncio.create_task(watch(store, done)) for _ in range(2)]
        await asyncio.gather(*(write(store, writer) for writer in range(WRITERS)))
        done.set()
        await asyncio.gather(*watchers)

    async def test_an_append_is_never_seen_in_part(self, store: EventStore) -> None:
        """Whoever looks at any moment sees whole appends only."""
        done = asyncio.Event()

        async def look() -> None:
            while not done.is_set():
                newest = await store.read(Read(direction=BACKWARDS, limit=1))
                count = len(await store.read(Read()))
                assert count % TOGETHER == 0
                assert not newest or newest[0].position % TOGETHER == 0
                assert await store.head() % TOGETHER == 0
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        await asyncio.gather(*(store.append(f"user-{n % 5}", facts(TOGETHER)) for n in range(53)))
        done.set()
        await looking

    async def test_exactly_one_of_racing_writers_wins(self, store: EventStore) -> None:
        """Of many appends with one expectation one is stored; the others learn the revision."""
        expected: Expected = NO_STREAM
        for revision in range(12):
            racers = [store.append("user-1", facts(1), expected=expected) for _ in range(16)]
            outcomes = await asyncio.gather(*racers, return_exceptions=True)
            won = [each for each in outcomes if isinstance(each, Appended)]
            lost = [each for each in outcomes if isinstance(each, WrongExpectedRevision)]
            assert won == [Appended("user-1", revision, revision + 1)]
            assert len(lost) == len(racers) - 1
            assert {each.actual for each in lost} == {revision}
            expected = revision
        check_order(await all_of(store))

    async def test_a_counter_kept_by_racing_writers_loses_no_step(self, store: EventStore) -> None:
        """Read, decide, append, and try again on conflict: each step happens once."""

        async def step() -> None:
            while True:
                last = await store.read(Read(stream="user-1", direction=BACKWARDS, limit=1))
                expected: Expected = last[0].revision if last else NO_STREAM
                number = len(last) and last[0].revision + 1
                event = NewEvent.of("counted", {"number": number})
                try:
                    await store.append("user-1", [event], expected=expected)
                except WrongExpectedRevision:
                    continue
                return

        await asyncio.gather(*(step() for _ in range(30)))
        log = await all_of(store)
        assert [event.json() for event in log] == [{"number": n} for n in range(30)]
