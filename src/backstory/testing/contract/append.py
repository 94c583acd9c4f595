"""Appending: what is given is what is kept, where the answer says, all of it or nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from backstory.core.clock import system_clock
from backstory.core.events import Appended, NewEvent
from backstory.core.names import MAX_APPEND_EVENTS
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, check_order, fact, facts, ids_of

DOCUMENTS = (
    b"{}",
    b'{ "spaces" :  1 }',
    b'{"z":1,"a":2,"z":3}',
    b"[1,2.50,1e3,-0.0]",
    b'"text"',
    b"null",
    b"123456789012345678901234567890",
    '{"name":"Čeněk 😀 \u202e"}'.encode(),
    rb'{"escaped":"\u00e9\u0000\ud83d\ude00"}',
)


class AppendTopic(Topic):
    """What a successful append does."""

    async def test_an_empty_store_has_head_zero_and_no_events(self, store: EventStore) -> None:
        """A new store holds nothing."""
        assert await store.head() == 0
        assert await all_of(store) == []

    async def test_the_answer_says_where_the_last_event_stands(self, store: EventStore) -> None:
        """Revision and position in the answer are those of the last event appended."""
        assert await store.append("user-1", facts(3)) == Appended("user-1", 2, 3)
        assert await store.append("user-2", facts(2)) == Appended("user-2", 1, 5)
        assert await store.append("user-1", facts(1)) == Appended("user-1", 3, 6)

    async def test_an_event_is_recorded_exactly_as_given(self, store: EventStore) -> None:
        """Type, data, metadata and id come back unchanged, in their place."""
        given = NewEvent.of("user-created", {"name": "Jo"}, metadata={"actor": "ann"})
        await store.append("user-1", [fact()])
        await store.append("user-2", [given])
        [recorded] = await store.read(Read(stream="user-2"))
        kept = (recorded.type, recorded.data, recorded.metadata, recorded.id)
        assert kept == (given.type, given.data, given.metadata, given.id)
        assert (recorded.position, recorded.stream, recorded.revision) == (2, "user-2", 0)

    @pytest.mark.parametrize("document", DOCUMENTS)
    async def test_json_is_kept_byte_for_byte(self, store: EventStore, document: bytes) -> None:
        """A store never rewrites a payload: no reordering, no rounding, no escaping."""
        await store.append("user-1", [NewEvent("kept", document, b'{ "m":1.0 }')])
        [recorded] = await store.read(Read(stream="user-1"))
        assert (recorded.data, recorded.metadata) == (document, b'{ "m":1.0 }')

    async def test_an_event_is_visible_as_soon_as_append_returns(self, store: EventStore) -> None:
        """Every way of reading shows the event at once."""
        for number in range(1, 20):
            answered = await store.append(f"user-{number % 3}", [fact(number)])
            assert await store.head() == number
            for query in (Read(), Read(category="user"), Read(stream=answered.stream)):
                [newest] = await store.read(
                    Read(
                        stream=query.stream,
                        category=query.category,
                        direction=BACKWARDS,
                        limit=1,
                    )
                )
                assert newest.position == number

    async def test_events_of_one_append_stand_together_in_order(self, store: EventStore) -> None:
        """One append takes neighbouring positions and one recorded time."""
        batches = [facts(5) for _ in range(10)]
        await asyncio.gather(*(store.append("user-1", batch) for batch in batches))
        log = await all_of(store)
        check_order(log)
        stored = [log[start : start + 5] for start in range(0, 50, 5)]
        assert sorted(map(ids_of, stored)) == sorted(map(ids_of, batches))
        for together in stored:
            assert len({event.recorded_at for event in together}) == 1

    async def test_the_largest_append_is_taken_whole(self, store: EventStore) -> None:
        """As many events as one append may hold arrive together."""
        batch = facts(MAX_APPEND_EVENTS)
        answered = await store.append("user-1", batch)
        assert answered == Appended("user-1", MAX_APPEND_EVENTS - 1, MAX_APPEND_EVENTS)
        assert ids_of(await all_of(store)) == ids_of(batch)

    async def test_changing_the_list_later_changes_nothing(self, store: EventStore) -> None:
        """The events are those given at the call, whatever the caller does with the list."""
        batch = facts(3)
        wanted = ids_of(batch)
        append = asyncio.create_task(store.append("user-1", batch))
        await asyncio.sleep(0)
        batch.clear()
        await append
        assert ids_of(await all_of(store)) == wanted

    async def test_any_sequence_of_events_may_be_given(self, store: EventStore) -> None:
        """A tuple is as good as a list."""
        assert await store.append("user-1", tuple(facts(2))) == Appended("user-1", 1, 2)

    async def test_the_time_is_the_present_in_utc(self, store: EventStore) -> None:
        """Without another clock the recorded time is that of the machine, aware and in UTC."""
        earliest = system_clock()
        await store.append("user-1", [fact()])
        [recorded] = await store.read(Read())
        assert recorded.recorded_at.utcoffset() == timedelta(0)
        assert earliest <= recorded.recorded_at <= system_clock()

    @pytest.mark.parametrize("turns", range(6))
    async def test_a_cancelled_append_is_stored_whole_or_not_at_all(
        self, store: EventStore, turns: int
    ) -> None:
        """Cancelling leaves all events or none, and repeating the append settles it."""
        batch = facts(4)
        append = asyncio.create_task(store.append("user-1", batch))
        for _ in range(turns):
            await asyncio.sleep(0)
        append.cancel()
        await asyncio.gather(append, return_exceptions=True)
        await store.append("user-2", [fact()])
        assert len(await all_of(store, Read(stream="user-1"))) in {0, 4}
        await store.append("user-1", batch)
        assert ids_of(await all_of(store, Read(stream="user-1"))) == ids_of(batch)
        check_order(await all_of(store))
