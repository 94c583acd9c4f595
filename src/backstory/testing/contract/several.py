"""Several streams at once: one append to all of them, in one place of the log, or to none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import cast

import pytest

from backstory.core.appending import StreamAppend
from backstory.core.errors import AppendTooLarge, InvalidInput, StoreClosed
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import ANY, NO_STREAM, STREAM_EXISTS, Expected, WrongExpectedRevision
from backstory.core.names import MAX_APPEND_BYTES, MAX_APPEND_EVENTS
from backstory.core.read import Read
from backstory.core.store import AppendingSeveral, EventStore, Power, append_several
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.contract.verifying import check_sound
from backstory.testing.making import NOON, Opener
from backstory.testing.samples import all_of, append_each, check_order, facts, ids_of, unchanged

[A] = facts(1)


def to_each(*streams: str, expected: Expected = ANY, size: int = 2) -> list[StreamAppend]:
    """Return an append of *size* new events to each of *streams*."""
    return [StreamAppend(stream, facts(size), expected) for stream in streams]


def ticking() -> Iterator[datetime]:
    """Yield times that go on with every look."""
    return (NOON + timedelta(seconds=second) for second in count())


@requires(Power.SEVERAL)
class SeveralTopic(Topic):
    """What an append to several streams does: to each what `append` does, to all or to none."""

    async def test_a_store_that_appends_to_several_speaks_the_protocol(
        self, store: EventStore
    ) -> None:
        """The declared power is there."""
        assert isinstance(store, AppendingSeveral)

    async def test_several_streams_take_neighbouring_positions_in_the_order_given(
        self, store: EventStore
    ) -> None:
        """Part after part, event after event, and each part is answered where its last stands."""
        await append_each(store, "user-2", 2)
        parts = [
            StreamAppend("user-9", facts(2), NO_STREAM),
            StreamAppend("user-2", facts(3), 1),
            StreamAppend("order-1", facts(1)),
        ]
        assert list(await append_several(store, parts)) == [
            Appended("user-9", 1, 4),
            Appended("user-2", 4, 7),
            Appended("order-1", 0, 8),
        ]
        log = await all_of(store)
        check_order(log)
        assert ids_of(log[2:]) == [key for part in parts for key in ids_of(part.events)]
        assert [event.stream for event in log[2:]] == ["user-9"] * 2 + ["user-2"] * 3 + ["order-1"]
        for part in parts:
            kept = await all_of(store, Read(stream=part.stream))
            assert ids_of(kept[-len(part.events) :]) == ids_of(part.events)

    async def test_one_append_to_several_has_one_recorded_time(self, opener: Opener) -> None:
        """What happened together happened at one time, whatever the clock does meanwhile."""
        store = await opener.open(ticking().__next__)
        for _ in range(3):
            await append_several(store, to_each("user-1", "order-1", "user-2"))
        log = await all_of(store)
        check_order(log)
        assert [len({event.recorded_at for event in log[n : n + 6]}) for n in (0, 6, 12)] == [1] * 3
        assert len({event.recorded_at for event in log}) == 3

    async def test_one_stream_alone_is_an_append(self, store: EventStore) -> None:
        """Several may be one, with the rules of `append`."""
        await append_each(store, "user-1", 1)
        answered = await append_several(store, to_each("user-1", expected=0))
        assert list(answered) == [Appended("user-1", 2, 3)]

    @pytest.mark.parametrize("at", range(3))
    async def test_a_conflict_on_one_stream_leaves_nothing_of_the_others(
        self, store: EventStore, at: int
    ) -> None:
        """Wherever the stream that is not as expected stands, none is written."""
        await append_each(store, "user-1", 2)
        parts = [StreamAppend("user-1", facts(1), 1), *to_each("user-2", "user-3")]
        parts.insert(at, StreamAppend("order-1", facts(2), STREAM_EXISTS))
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await append_several(store, parts)
        said = (caught.value.stream, caught.value.expected, caught.value.actual)
        assert said == ("order-1", STREAM_EXISTS, None)
        del parts[at]
        assert await append_several(store, parts)  # nothing stands in the way of the others

    async def test_the_first_conflict_in_the_order_given_is_told(self, store: EventStore) -> None:
        """Of several streams that are not as expected the first is named."""
        await append_each(store, "user-1", 2)
        await append_each(store, "user-2", 3)
        fine, one, other = (
            StreamAppend("user-3", facts(1)),
            StreamAppend("user-1", facts(1), NO_STREAM),
            StreamAppend("user-2", facts(1), 7),
        )
        for first, parts in ((one, [fine, one, other]), (other, [other, fine, one])):
            with pytest.raises(WrongExpectedRevision) as caught:
                await append_several(store, parts)
            assert caught.value.stream == first.stream

    async def test_an_append_that_names_a_stream_twice_is_refused(self, store: EventStore) -> None:
        """One stream has one expectation."""
        async with unchanged(store):
            with pytest.raises(InvalidInput):
                await append_several(store, to_each("user-1", "user-2", "user-1"))

    @pytest.mark.parametrize(
        "parts",
        [[], None, 7, ["user-1"], [None], [("user-1", [A])], StreamAppend("user-1", [A])],
        ids=["none", "null", "a number", "names", "nulls", "tuples", "one"],
    )
    async def test_an_append_to_several_of_anything_else_is_refused(
        self, store: EventStore, parts: object
    ) -> None:
        """No parts, and things that are no parts, write nothing."""
        async with unchanged(store):
            with pytest.raises(InvalidInput):
                await append_several(store, cast("list[StreamAppend]", parts))

    @pytest.mark.parametrize(
        "bad",
        [
            StreamAppend("$all", [A]),
            StreamAppend("user-2", []),
            StreamAppend("user-2", [A, A]),
            StreamAppend("user-2", cast("list[NewEvent]", ["no event"])),
            StreamAppend("user-2", [A], -1),
        ],
        ids=["name", "nothing", "id twice", "no event", "expectation"],
    )
    async def test_one_bad_part_refuses_them_all(
        self, store: EventStore, bad: StreamAppend
    ) -> None:
        """Good parts before and behind a bad one are not written either."""
        async with unchanged(store):
            with pytest.raises(InvalidInput):
                await append_several(store, [*to_each("user-1"), bad, *to_each("user-3")])

    async def test_too_much_for_one_append_is_too_much_for_several(self, store: EventStore) -> None:
        """The limits bound all parts together."""
        document = b'"' + b"x" * (MAX_APPEND_BYTES // 5) + b'"'
        large = [StreamAppend(f"user-{n}", [NewEvent("large", document)]) for n in range(5)]
        many = to_each("user-1", "user-2", size=MAX_APPEND_EVENTS // 2 + 1)
        for unit, parts in (("bytes", large), ("events", many)):
            async with unchanged(store):
                with pytest.raises(AppendTooLarge) as caught:
                    await append_several(store, parts)
            assert caught.value.unit == unit

    async def test_the_most_streams_at_once_are_taken_whole(self, store: EventStore) -> None:
        """Every event of the largest append may have a stream of its own."""
        parts = to_each(*(f"user-{n}" for n in range(MAX_APPEND_EVENTS)), size=1)
        answers = await append_several(store, parts)
        assert [answered.position for answered in answers] == list(range(1, MAX_APPEND_EVENTS + 1))
        log = await all_of(store)
        assert [event.stream for event in log] == [part.stream for part in parts]
        assert list(await append_several(store, parts)) == list(answers)

    async def test_changing_the_lists_later_changes_nothing_of_several(
        self, store: EventStore
    ) -> None:
        """The parts are those given at the call, whatever the caller does with the lists."""
        given, more = facts(3), facts(2)
        parts = [StreamAppend("user-1", given), StreamAppend("user-2", more)]
        wanted = ids_of([*given, *more])
        append = asyncio.create_task(append_several(store, parts))
        await asyncio.sleep(0)
        given.clear()
        parts.clear()
        await append
        assert ids_of(await all_of(store)) == wanted

    async def test_a_closed_store_refuses_an_append_to_several(self, store: EventStore) -> None:
        """After `close` it raises `StoreClosed` as the other methods do."""
        await store.close()
        with pytest.raises(StoreClosed):
            await append_several(store, to_each("user-1", "user-2"))

    @requires(Power.DURABLE)
    async def test_several_streams_are_there_after_reopening(self, opener: Opener) -> None:
        """All of it is kept, and may still be repeated."""
        store = await opener.open()
        parts = to_each("user-1", "user-2", "order-1", expected=NO_STREAM)
        answers = await append_several(store, parts)
        log = await all_of(store)
        await store.close()
        again = await opener.open()
        assert await all_of(again) == log
        assert list(await append_several(again, parts)) == list(answers)
        assert await again.head() == len(log)

    @requires(Power.VERIFIABLE)
    async def test_a_store_of_appends_to_several_is_sound(self, store: EventStore) -> None:
        """Verifying finds no fault in what was written together."""
        for number in range(20):
            parts = to_each(f"user-{number % 3}", f"order-{number % 4}", "own")
            await append_several(store, parts[: 1 + number % 3])
        assert await check_sound(store) == await store.head()
