"""Several streams and many writers: what belongs together stays together, and nobody waits."""

from __future__ import annotations

import asyncio
from collections import Counter

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import ANY, NO_STREAM, WrongExpectedRevision
from backstory.core.ids import uuid7
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore, Power, append_several
from backstory.testing.contract.ordering import follow, watch, write
from backstory.testing.contract.powers import requires
from backstory.testing.contract.processes import PATIENCE, Child
from backstory.testing.contract.several import to_each
from backstory.testing.contract.topic import Topic
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, check_order, facts, ids_of

SOON = 30.0
MOVERS, MOVES = 12, 4
ACCOUNTS = ("account-1", "account-2")
TOGETHER = 7  # and no multiple of it appends at once, so that no partial sum looks whole


async def move(store: EventStore, source: str, target: str, *, blindly: bool) -> None:
    """Move something from one stream to another, again after each conflict."""
    name = uuid7()
    for _ in range(MOVERS * MOVES):
        parts = []
        for stream, amount in ((source, -1), (target, 1)):
            newest = await store.read(Read(stream=stream, direction=BACKWARDS, limit=1))
            event = NewEvent.of("moved", {"amount": amount, "move": str(name)})
            expected = newest[0].revision if newest else NO_STREAM
            parts.append(StreamAppend(stream, [event], ANY if blindly else expected))
        try:
            await append_several(store, parts)
        except WrongExpectedRevision:
            continue
        return
    message = "a move met more conflicts than there were other moves"
    raise AssertionError(message)


async def check_moves(store: EventStore) -> int:
    """Check that every move stands in both streams, or in none; return how many there are."""
    log = [event for event in await all_of(store) if event.type == "moved"]
    moves: Counter[str] = Counter()
    for taken, given in zip(log[0::2], log[1::2], strict=True):
        one, other = taken.json(), given.json()
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        assert (one["move"], one["amount"], other["amount"]) == (other["move"], -1, 1)
        assert {taken.stream, given.stream} == set(ACCOUNTS)
        moves[one["move"]] += 1
    assert set(moves.values()) <= {1}
    return len(moves)


@requires(Power.SEVERAL)
class SeveralTogetherTopic(Topic):
    """What concurrent appends to several streams, their readers and other writers see."""

    async def test_movers_between_two_streams_keep_what_both_hold(self, store: EventStore) -> None:
        """Many tasks move to and fro; each move happens once, in both, and none waits for ever."""

        async def mover(number: int) -> None:
            there, back = ACCOUNTS if number % 2 else ACCOUNTS[::-1]
            for turn in range(MOVES):
                await move(store, there, back, blindly=(number + turn) % 3 == 0)

        async with asyncio.timeout(SOON):
            await asyncio.gather(*(mover(number) for number in range(MOVERS)))
        assert await check_moves(store) == MOVERS * MOVES
        check_order(await all_of(store))

    async def test_exactly_one_of_racing_appends_to_several_wins(self, store: EventStore) -> None:
        """Of appends that share one stream's revision one is stored, the others leave no trace."""
        async with asyncio.timeout(SOON):
            for revision in range(8):
                expected = revision - 1 if revision else NO_STREAM
                racers = [
                    append_several(
                        store,
                        [
                            *to_each(f"own-{n}", size=1),
                            StreamAppend("shared-1", facts(1), expected),
                        ][:: 1 if n % 2 else -1],
                    )
                    for n in range(12)
                ]
                outcomes = await asyncio.gather(*racers, return_exceptions=True)
                lost = [each for each in outcomes if isinstance(each, WrongExpectedRevision)]
                assert len(lost) == len(racers) - 1
                assert {each.stream for each in lost} == {"shared-1"}
        log = await all_of(store)
        check_order(log)
        assert Counter(event.category for event in log) == {"shared": 8, "own": 8}

    async def test_appends_to_one_and_to_several_make_one_order(self, store: EventStore) -> None:
        """Beside other writers every append to several takes its positions in one piece."""
        done = asyncio.Event()
        following = [asyncio.create_task(follow(store, done, limit)) for limit in (1, 100)]
        watching = asyncio.create_task(watch(store, done))
        written: list[tuple[list[StreamAppend], list[Appended]]] = []

        async def write_several(writer: int) -> None:
            for number in range(8):
                parts = to_each("shared-1", f"own-{writer}", f"both-{number % 2}", size=1)
                written.append((parts, list(await append_several(store, parts))))
                await asyncio.sleep(0)

        async with asyncio.timeout(SOON):
            await asyncio.gather(
                *(write(store, writer) for writer in range(6)),
                *(write_several(writer) for writer in range(6)),
            )
        done.set()
        await watching
        log = await all_of(store)
        check_order(log)
        for parts, answers in written:
            start = answers[0].position - 1
            stored = log[start : start + len(parts)]
            assert ids_of(stored) == [key for part in parts for key in ids_of(part.events)]
            places = [Appended(event.stream, event.revision, event.position) for event in stored]
            assert places == answers
        for seen in await asyncio.gather(*following):
            assert seen == list(range(1, len(log) + 1))

    async def test_an_append_to_several_is_never_seen_in_part(self, store: EventStore) -> None:
        """Whoever looks at any moment sees all streams of it, or none."""
        done = asyncio.Event()

        async def look() -> None:
            while not done.is_set():
                assert await store.head() % TOGETHER == 0
                assert len(await store.read(Read())) % TOGETHER == 0
                newest = await store.read(Read(direction=BACKWARDS, limit=1))
                assert not newest or newest[0].stream == "user-2"
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        parts = [(("user-1", 3), ("order-1", 2), ("user-2", 2)) for _ in range(53)]
        async with asyncio.timeout(SOON):
            await asyncio.gather(
                *(
                    append_several(store, [StreamAppend(name, facts(size)) for name, size in each])
                    for each in parts
                )
            )
        done.set()
        await looking
        assert await store.head() == 53 * TOGETHER

    async def test_a_conflict_in_several_harms_no_append_beside_it(self, store: EventStore) -> None:
        """Of appends sent together each has its own outcome."""
        await store.append("user-1", facts(1))
        appends = [
            append_several(
                store,
                [
                    *to_each(f"order-{number}", size=1),
                    StreamAppend("user-1", facts(1), NO_STREAM if number % 2 else ANY),
                ],
            )
            for number in range(30)
        ]
        alone = [store.append(f"alone-{number}", facts(1)) for number in range(10)]
        outcomes = await asyncio.gather(*appends, *alone, return_exceptions=True)
        assert all(isinstance(each, WrongExpectedRevision) for each in outcomes[1:30:2])
        log = await all_of(store)
        check_order(log)
        streams = Counter(event.category for event in log)
        assert streams == {"user": 1 + 15, "order": 15, "alone": 10}

    @requires(Power.SHARED)
    async def test_processes_that_move_between_two_streams_keep_what_both_hold(
        self, opener: Opener
    ) -> None:
        """Two processes move one way, two the other way, and this one reads."""
        store = await opener.open()
        done = asyncio.Event()
        watching = asyncio.create_task(watch(store, done))
        movers = [
            await Child.start(opener, "move", *order, 25)
            for order in (ACCOUNTS, ACCOUNTS[::-1], ACCOUNTS, ACCOUNTS[::-1])
        ]
        said = [line for each in movers for line in await each.result()]
        done.set()
        await watching
        assert len(said) == await check_moves(store) == 100
        check_order(await all_of(store))

    @requires(Power.DURABLE, Power.SHARED)
    async def test_a_process_killed_while_it_moves_leaves_no_half_of_a_move(
        self, opener: Opener
    ) -> None:
        """After kill -9 both streams hold every move that was answered, and no half of one."""
        answered = 0
        for answers_before_death in (1, 20, 40):
            answered += await self._kill_mover(opener, answers_before_death)
            store = await opener.open()
            assert await check_moves(store) >= answered
            check_order(await all_of(store))
            await store.close()

    @staticmethod
    async def _kill_mover(opener: Opener, answers_before_death: int) -> int:
        child = await Child.start(opener, "move", *ACCOUNTS, 0)
        heard = 0
        try:
            async with asyncio.timeout(PATIENCE):
                async for _ in child.lines():
                    heard += 1
                    if heard == answers_before_death:
                        child.process.kill()
        finally:
            await child.kill()
        return heard
