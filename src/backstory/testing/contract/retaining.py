"""Ending streams and erasing events: what ends stays ended, what is erased leaves a gap."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import pytest

from backstory.core.appending import StreamAppend
from backstory.core.errors import InvalidInput
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import (
    STREAM_DELETED,
    TOMBSTONE_REVISION,
    Retaining,
    StreamDeleted,
)
from backstory.core.store import EventStore, Fault, Power, Searching, Verifying, append_several
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, append_each, fact, facts, positions_of

_Refusal: TypeAlias = type[StreamDeleted] | type[WrongExpectedRevision]


def retaining(store: EventStore) -> Retaining:
    """Return *store*, which declares the power."""
    assert isinstance(store, Retaining)
    return store


async def revisions_of(store: EventStore, query: Read) -> list[int]:
    """Return the revisions of everything *query* gives in one page."""
    return [event.revision for event in await store.read(query)]


@requires(Power.RETAINING)
class RetainingTopic(Topic):
    """What tombstones and erasures leave behind."""

    async def test_a_tombstone_is_the_last_event_of_its_stream(self, store: EventStore) -> None:
        """It has the largest revision, the next position, no data; what was there stays."""
        await append_each(store, "user-1", 2)
        ended = await retaining(store).tombstone("user-1")
        assert (ended.stream, ended.revision, ended.position) == ("user-1", TOMBSTONE_REVISION, 3)
        assert await store.head() == 3
        assert await revisions_of(store, Read(stream="user-1")) == [0, 1, TOMBSTONE_REVISION]
        backwards = Read(stream="user-1", direction=BACKWARDS, limit=2)
        assert await revisions_of(store, backwards) == [TOMBSTONE_REVISION, 1]
        [tombstone] = await store.read(Read(types=(STREAM_DELETED,)))
        assert (tombstone.data, tombstone.metadata) == (b"{}", b"{}")
        assert await store.read(Read(after=2)) == [tombstone]
        assert await store.read(Read(stream="user-1", until=2)) == await store.read(Read(until=2))

    async def test_nothing_is_appended_behind_a_tombstone(self, store: EventStore) -> None:
        """Whatever is expected, also what was appended there before."""
        [known] = facts(1)
        await store.append("user-1", [known])
        await retaining(store).tombstone("user-1")
        for expected in (ANY, NO_STREAM, STREAM_EXISTS, 0, 1, TOMBSTONE_REVISION):
            for event in (known, fact(1)):
                with pytest.raises(StreamDeleted) as caught:
                    await store.append("user-1", [event], expected=expected)
                assert caught.value.stream == "user-1"
        assert await store.head() == 2
        await store.append("user-2", [fact(2)], expected=NO_STREAM)

    @pytest.mark.parametrize(
        ("expected", "empty", "filled"),
        [
            (ANY, None, None),
            (NO_STREAM, None, WrongExpectedRevision),
            (STREAM_EXISTS, WrongExpectedRevision, None),
            (1, WrongExpectedRevision, None),
            (0, WrongExpectedRevision, WrongExpectedRevision),
            (TOMBSTONE_REVISION, WrongExpectedRevision, WrongExpectedRevision),
        ],
        ids=str,
    )
    async def test_a_tombstone_expects_as_an_append_does(
        self,
        store: EventStore,
        expected: Expected,
        empty: _Refusal | None,
        filled: _Refusal | None,
    ) -> None:
        """Of a stream that never was, and of one with events; refused, it leaves nothing."""
        await append_each(store, "filled", 2)
        for stream, refusal in (("empty", empty), ("filled", filled)):
            before = await all_of(store)
            if refusal is None:
                await retaining(store).tombstone(stream, expected=expected)
            else:
                with pytest.raises(refusal) as caught:
                    await retaining(store).tombstone(stream, expected=expected)
                assert isinstance(caught.value, WrongExpectedRevision)
                assert caught.value.actual == (None if stream == "empty" else 1)
                assert await all_of(store) == before

    async def test_a_stream_ends_once(self, store: EventStore) -> None:
        """Whoever ends it again is told."""
        await retaining(store).tombstone("never-was")
        for expected in (ANY, NO_STREAM, STREAM_EXISTS, TOMBSTONE_REVISION):
            with pytest.raises(StreamDeleted):
                await retaining(store).tombstone("never-was", expected=expected)
        assert await store.head() == 1

    async def test_of_many_who_end_a_stream_at_once_one_does(self, store: EventStore) -> None:
        """And of those who append at the same time none comes behind it."""
        work = [retaining(store).tombstone("user-1") for _ in range(3)]
        appends = [store.append("user-1", [fact(number)]) for number in range(10)]
        done = await asyncio.gather(*work, *appends, return_exceptions=True)
        assert sum(not isinstance(outcome, BaseException) for outcome in done[:3]) == 1
        refused = [outcome for outcome in done if isinstance(outcome, BaseException)]
        assert all(isinstance(outcome, StreamDeleted) for outcome in refused)
        stored = await revisions_of(store, Read(stream="user-1"))
        assert stored == [*range(len(done) - len(refused) - 1), TOMBSTONE_REVISION]

    @requires(Power.SEVERAL)
    async def test_an_append_to_several_stops_at_a_tombstone(self, store: EventStore) -> None:
        """Nothing is written to any of them; the one that ended is named."""
        await retaining(store).tombstone("b-1")
        for expected in (ANY, STREAM_EXISTS, TOMBSTONE_REVISION):
            parts = [
                StreamAppend("a-1", facts(1)),
                StreamAppend("b-1", facts(1), expected),
                StreamAppend("c-1", facts(1)),
            ]
            with pytest.raises(StreamDeleted) as caught:
                await append_several(store, parts)
            assert caught.value.stream == "b-1"
        assert await store.head() == 1

    async def test_others_in_the_same_turn_are_written(self, store: EventStore) -> None:
        """Whatever becomes of the one that meets a tombstone."""
        await retaining(store).tombstone("ended")
        appends = [
            store.append("ended" if number % 3 == 0 else f"user-{number}", [fact(number)])
            for number in range(12)
        ]
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        for number, outcome in enumerate(outcomes):
            assert isinstance(outcome, StreamDeleted) is (number % 3 == 0), outcome
        assert await store.head() == 9

    async def test_what_is_erased_is_gone_and_all_else_keeps_its_place(
        self, store: EventStore
    ) -> None:
        """From every way of reading; the numbers of those erased are never given again."""
        for _ in range(3):
            await append_each(store, "user-1", 1)
            await append_each(store, "order-1", 1)
        assert await retaining(store).erase("user-1", before=2) == 2
        assert await revisions_of(store, Read(stream="user-1")) == [2]
        assert await revisions_of(store, Read(stream="user-1", direction=BACKWARDS)) == [2]
        assert await positions_of(store) == [2, 4, 5, 6]
        assert await positions_of(store, Read(direction=BACKWARDS)) == [6, 5, 4, 2]
        assert await positions_of(store, Read(category="user")) == [5]
        assert await positions_of(store, Read(types=("counted",), limit=1)) == [2, 4, 5, 6]
        assert await positions_of(store, Read(after=2, before=6)) == [4, 5]
        assert await retaining(store).erase("user-1", before=2) == 0
        appended = await store.append("user-1", [fact(9)], expected=2)
        assert (appended.revision, appended.position) == (3, 7)

    async def test_the_newest_event_of_a_stream_stays(self, store: EventStore) -> None:
        """It tells where the stream goes on; only behind a tombstone it may go."""
        await append_each(store, "user-1", 3)
        assert await retaining(store).erase("user-1", before=TOMBSTONE_REVISION) == 2
        assert await revisions_of(store, Read(stream="user-1")) == [2]
        with pytest.raises(WrongExpectedRevision):
            await store.append("user-1", [fact(1)], expected=NO_STREAM)
        await retaining(store).tombstone("user-1", expected=2)
        assert await retaining(store).erase("user-1", before=TOMBSTONE_REVISION) == 1
        assert await revisions_of(store, Read(stream="user-1")) == [TOMBSTONE_REVISION]
        with pytest.raises(StreamDeleted):
            await store.append("user-1", [fact(2)])

    async def test_erasing_what_is_not_there_erases_nothing(self, store: EventStore) -> None:
        """A stream that never was, and the revision 0."""
        await append_each(store, "user-1", 2)
        assert await retaining(store).erase("nobody", before=5) == 0
        assert await retaining(store).erase("user-1", before=0) == 0
        assert await positions_of(store) == [1, 2]

    @pytest.mark.parametrize("before", [-1, 2**63, True, 1.5, "1"], ids=repr)
    async def test_a_bound_that_is_no_revision_is_refused(
        self, store: EventStore, before: int
    ) -> None:
        """With nothing erased."""
        await append_each(store, "user-1", 2)
        with pytest.raises(InvalidInput):
            await retaining(store).erase("user-1", before=before)
        assert await positions_of(store) == [1, 2]

    async def test_a_reader_goes_on_over_what_is_erased_meanwhile(self, store: EventStore) -> None:
        """It sees neither an error nor another event twice."""
        await append_each(store, "user-1", 5)
        await append_each(store, "user-2", 1)
        [first, *_] = await store.read(Read(stream="user-1", limit=2))
        await retaining(store).erase("user-1", before=4)
        rest = await store.read(Read(stream="user-1", after=first.revision))
        assert [event.revision for event in rest] == [4]
        assert await positions_of(store, Read(after=first.position)) == [5, 6]

    @requires(Power.SEARCHABLE)
    async def test_an_erased_event_is_not_found(self, store: EventStore) -> None:
        """By its id."""
        assert isinstance(store, Searching)
        known = facts(2)
        await store.append("user-1", known)
        await retaining(store).erase("user-1", before=1)
        assert await store.find(known[0].id) is None
        assert await store.find(known[1].id) is not None

    @requires(Power.VERIFIABLE)
    async def test_what_was_erased_is_no_fault(self, store: EventStore) -> None:
        """Nor is a tombstone."""
        assert isinstance(store, Verifying)
        for stream in ("user-1", "user-2", "user-3"):
            await append_each(store, stream, 4)
        await retaining(store).erase("user-1", before=2)
        await retaining(store).tombstone("user-2")
        await retaining(store).erase("user-2", before=TOMBSTONE_REVISION)
        await retaining(store).tombstone("user-3")
        assert not [found async for found in store.verify() if isinstance(found, Fault)]

    @requires(Power.DURABLE)
    async def test_both_are_durable(self, opener: Opener) -> None:
        """Whoever opens the store again finds them."""
        store = await opener.open()
        await append_each(store, "user-1", 3)
        await append_each(store, "user-2", 1)
        await retaining(store).erase("user-1", before=2)
        await retaining(store).tombstone("user-2")
        await store.close()
        again = await opener.open()
        assert await positions_of(again) == [3, 4, 5]
        with pytest.raises(StreamDeleted):
            await again.append("user-2", facts(1))
        appended = await again.append("user-1", [fact(5)], expected=2)
        assert (appended.revision, appended.position) == (3, 6)
