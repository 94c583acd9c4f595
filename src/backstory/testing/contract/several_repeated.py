"""Several streams, repeated: an append to several whose answer was lost can be sent again."""

from __future__ import annotations

import asyncio

import pytest

from backstory.core.appending import StreamAppend
from backstory.core.events import Appended
from backstory.core.expected import ANY, NO_STREAM, STREAM_EXISTS, Expected, WrongExpectedRevision
from backstory.core.read import Read
from backstory.core.store import EventStore, Power, append_several
from backstory.testing.contract.powers import requires
from backstory.testing.contract.several import to_each
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, append_each, check_order, facts, ids_of, unchanged

A, B, C = facts(3)


@requires(Power.SEVERAL)
class SeveralRepeatedTopic(Topic):
    """When a part counts as a repetition, and what becomes of the others."""

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS, 1])
    async def test_repeating_an_append_to_several_answers_the_original(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Sent again as a whole, at once or late, it writes nothing and answers as it did."""
        for stream in ("user-1", "order-1"):
            await append_each(store, stream, 2)
        parts = to_each("user-1", "order-1", expected=expected)
        original = list(await append_several(store, parts))
        async with unchanged(store):
            assert list(await append_several(store, parts)) == original
        await append_each(store, "order-1", 2)
        async with unchanged(store):
            assert list(await append_several(store, parts)) == original
        assert original == [Appended("user-1", 3, 6), Appended("order-1", 3, 8)]

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_an_append_to_several_sent_many_times_at_once_happens_once(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Concurrent repetitions, in any order of their parts, get the one answer."""
        parts = to_each("user-1", "order-1", expected=expected)
        answers = await asyncio.gather(
            *(append_several(store, parts[:: 1 if n % 2 else -1]) for n in range(25))
        )
        assert len({frozenset(answered) for answered in answers}) == 1
        assert await store.head() == 4
        check_order(await all_of(store))

    @pytest.mark.parametrize("turns", range(6))
    async def test_a_cancelled_append_to_several_is_stored_whole_or_not_at_all(
        self, store: EventStore, turns: int
    ) -> None:
        """Cancelling leaves all of it or nothing, and repeating the append settles it."""
        parts = to_each("user-1", "order-1")
        append = asyncio.create_task(append_several(store, parts))
        for _ in range(turns):
            await asyncio.sleep(0)
        append.cancel()
        await asyncio.gather(append, return_exceptions=True)
        await append_each(store, "user-2", 1)
        assert len(await all_of(store)) in {1, 5}
        await append_several(store, parts)
        for part in parts:
            assert ids_of(await all_of(store, Read(stream=part.stream))) == ids_of(part.events)
        check_order(await all_of(store))

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    @pytest.mark.parametrize("known", range(3))
    async def test_a_part_that_is_known_is_answered_and_the_others_are_written(
        self, store: EventStore, known: int, expected: Expected
    ) -> None:
        """A part appended before, alone or with others, keeps its place; the rest follow."""
        parts = to_each("user-1", "user-2", "user-3", expected=expected)
        again = parts[known]
        original = await store.append(again.stream, again.events, expected=expected)
        answers = list(await append_several(store, parts))
        assert answers.pop(known) == original
        assert [answered.position for answered in answers] == [4, 6]
        log = await all_of(store)
        check_order(log)
        assert len(log) == 6
        together = parts[:known] + parts[known + 1 :]
        assert ids_of(log[2:]) == [key for part in together for key in ids_of(part.events)]

    async def test_a_part_of_an_append_to_several_can_be_repeated_alone(
        self, store: EventStore
    ) -> None:
        """`append` knows again what was appended together with others."""
        parts = to_each("user-1", "order-1", expected=NO_STREAM)
        answers = await append_several(store, parts)
        async with unchanged(store):
            for part, original in zip(parts, answers, strict=True):
                again = await store.append(part.stream, part.events, expected=NO_STREAM)
                assert again == original

    @pytest.mark.parametrize("order", [1, -1])
    async def test_a_conflict_beside_a_known_part_leaves_nothing_behind(
        self, store: EventStore, order: int
    ) -> None:
        """That one part is known already lets no other part through."""
        await store.append("user-1", [A], expected=NO_STREAM)
        parts = [
            StreamAppend("user-1", [A], NO_STREAM),
            StreamAppend("user-2", [B], NO_STREAM),
            StreamAppend("order-1", [C], 0),
        ]
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await append_several(store, parts[::order])
        assert caught.value.stream == "order-1"

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_a_part_known_only_in_part_refuses_them_all(
        self, store: EventStore, expected: Expected
    ) -> None:
        """An event that is stored with one that is not is a conflict, as for `append`."""
        await store.append("user-1", [A], expected=NO_STREAM)
        parts = [StreamAppend("user-2", [C]), StreamAppend("user-1", [A, B], expected)]
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await append_several(store, parts)
        assert (caught.value.stream, caught.value.actual) == ("user-1", 0)

    async def test_one_id_may_stand_in_several_streams_at_once(self, store: EventStore) -> None:
        """A repetition is one in its own stream only."""
        parts = [StreamAppend("user-1", [A, B]), StreamAppend("user-2", [B, A])]
        answers = [Appended("user-1", 1, 2), Appended("user-2", 1, 4)]
        for _ in range(2):
            assert list(await append_several(store, parts)) == answers
        assert ids_of(await all_of(store)) == ids_of([A, B, B, A])
