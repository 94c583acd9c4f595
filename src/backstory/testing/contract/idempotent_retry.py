"""Idempotent retry: an append whose answer was lost can be sent again, and happens once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from backstory.core.events import Appended, NewEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import (
    all_of,
    append_each,
    fact,
    facts,
    ids_of,
    repeated,
    unchanged,
)

A, B, C = facts(3)


class IdempotentRetryTopic(Topic):
    """When an append counts as a repetition, and what it answers then."""

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_repeating_the_first_append_answers_the_original(
        self, store: EventStore, expected: Expected
    ) -> None:
        """The first append of a stream may be sent again."""
        assert await repeated(store, "user-1", facts(3), expected)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS, 1])
    async def test_repeating_a_later_append_answers_the_original(
        self, store: EventStore, expected: Expected
    ) -> None:
        """An append to an existing stream may be sent again."""
        await append_each(store, "user-1", 2)
        assert await repeated(store, "user-1", facts(3), expected)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS, 1])
    async def test_a_late_repetition_answers_the_original(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Others may have written to the stream and elsewhere in the meantime."""
        await append_each(store, "user-1", 2)
        batch = facts(2)
        original = await store.append("user-1", batch, expected=expected)
        await append_each(store, "user-1", 3)
        await append_each(store, "user-2", 2)
        async with unchanged(store):
            for _ in range(3):
                assert await store.append("user-1", batch, expected=expected) == original
        assert original == Appended("user-1", 3, 4)

    async def test_ids_alone_make_a_repetition(self, store: EventStore) -> None:
        """Other data under the same id is not written: what is stored never changes."""
        original = await store.append("user-1", [A])
        changed = NewEvent.of("changed", {"other": True}, id=A.id)
        assert await store.append("user-1", [changed]) == original
        assert await store.append("user-1", [changed], expected=NO_STREAM) == original
        [kept] = await all_of(store)
        assert (kept.type, kept.data) == (A.type, A.data)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS])
    async def test_any_recognises_events_wherever_they_stand_in_the_stream(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Without an exact place the stream is the place."""
        await append_each(store, "user-1", 2)
        await store.append("user-1", [A, B], expected=1)
        await store.append("user-1", [C], expected=3)
        async with unchanged(store):
            assert await store.append("user-1", [A, B], expected=expected) == Appended(
                "user-1", 3, 4
            )
            assert await store.append("user-1", [B, C], expected=expected) == Appended(
                "user-1", 4, 5
            )

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS])
    async def test_any_refuses_an_append_that_is_known_only_in_part(
        self, store: EventStore, expected: Expected
    ) -> None:
        """A first event that is stored already with a later one that is not is a conflict."""
        await store.append("user-1", [A])
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await store.append("user-1", [A, B], expected=expected)
        assert (caught.value.expected, caught.value.actual) == (expected, 0)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS])
    async def test_any_writes_an_append_whose_first_event_is_new(
        self, store: EventStore, expected: Expected
    ) -> None:
        """The first event decides: when it is unknown, the append is a new one."""
        await store.append("user-1", [B])
        assert await store.append("user-1", [A, B], expected=expected) == Appended("user-1", 2, 3)

    @pytest.mark.parametrize("again", [[A, C], [B, A], [A, B, C], [C, B], [B]])
    async def test_an_exact_place_refuses_what_differs_from_it(
        self, store: EventStore, again: list[NewEvent]
    ) -> None:
        """At an exact revision every id must be the one stored there."""
        await append_each(store, "user-1", 1)
        await store.append("user-1", [A, B], expected=0)
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await store.append("user-1", again, expected=0)
        assert (caught.value.expected, caught.value.actual) == (0, 2)

    async def test_a_repeated_prefix_answers_where_the_prefix_ends(self, store: EventStore) -> None:
        """What stands at the place is recognised, however much follows it."""
        await store.append("user-1", [A, B, C], expected=NO_STREAM)
        async with unchanged(store):
            answered = await store.append("user-1", [A, B], expected=NO_STREAM)
        assert answered == Appended("user-1", 1, 2)

    async def test_the_same_ids_at_the_end_of_the_stream_are_new_events(
        self, store: EventStore
    ) -> None:
        """An exact expectation that is met writes, even ids the stream holds already."""
        await store.append("user-1", [A, B], expected=NO_STREAM)
        assert await store.append("user-1", [A, B], expected=1) == Appended("user-1", 3, 4)
        assert ids_of(await all_of(store)) == ids_of([A, B, A, B])

    async def test_after_ids_stand_twice_both_places_answer_their_own(
        self, store: EventStore
    ) -> None:
        """An exact repetition answers its own place, any other the first one."""
        await store.append("user-1", [A], expected=NO_STREAM)
        await store.append("user-1", [A], expected=0)
        async with unchanged(store):
            assert (await store.append("user-1", [A], expected=NO_STREAM)).revision == 0
            assert (await store.append("user-1", [A], expected=0)).revision == 1
            assert (await store.append("user-1", [A], expected=ANY)).revision == 0

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_one_id_may_stand_in_two_streams(
        self, store: EventStore, expected: Expected
    ) -> None:
        """A repetition is one in its own stream only."""
        await store.append("user-1", [A, B], expected=expected)
        answered = await store.append("user-2", [A, B], expected=expected)
        assert answered == Appended("user-2", 1, 4)
        assert ids_of(await all_of(store, Read(stream="user-2"))) == ids_of([A, B])

    async def test_ids_that_share_most_bytes_are_told_apart(self, store: EventStore) -> None:
        """The whole id counts, zero bytes included."""
        numbers = (0, 1, 1 << 64, 1 << 127, (1 << 128) - 1)
        for number in numbers:
            await store.append("user-1", [NewEvent.of("counted", 0, id=UUID(int=number))])
        assert [event.id.int for event in await all_of(store)] == list(numbers)

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_one_append_sent_many_times_at_once_happens_once(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Concurrent repetitions all get the one answer."""
        batch = [A, B]
        answers = await asyncio.gather(
            *(store.append("user-1", batch, expected=expected) for _ in range(25))
        )
        assert set(answers) == {Appended("user-1", 1, 2)}
        assert await store.head() == len(batch)

    async def test_a_repetition_after_a_conflict_still_conflicts(self, store: EventStore) -> None:
        """A refused append leaves no trace that a later one could be taken for."""
        await store.append("user-1", [fact()])
        for _ in range(2):
            with pytest.raises(WrongExpectedRevision):
                await store.append("user-1", [A], expected=NO_STREAM)
        assert await store.append("user-1", [A]) == Appended("user-1", 1, 2)
