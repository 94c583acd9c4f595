"""Searching: events are found by their id, and by words in their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from uuid import uuid4

import pytest

from backstory.core.errors import InvalidRead
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.store import MAX_WORDS, EventStore, Power, Searching, Sought
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import append_each, facts


def carrying(word: str, *, data: str = "") -> NewEvent:
    """Return an event with *word* in its metadata."""
    return NewEvent.of("noted", {"text": data}, metadata={"$correlationId": word})


async def found(store: EventStore, sought: Sought) -> Sequence[RecordedEvent]:
    """Return one page of what is *sought* in *store*."""
    return await cast("Searching", store).search(sought)


@requires(Power.SEARCHABLE)
class SearchingTopic(Topic):
    """What finding and searching answer."""

    async def test_a_searchable_store_speaks_the_protocol(self, store: EventStore) -> None:
        """The declared power is there."""
        assert isinstance(store, Searching)

    async def test_an_event_is_found_by_its_id(self, store: EventStore) -> None:
        """Whichever stream it is in; what was never stored is not found."""
        assert isinstance(store, Searching)
        assert await store.find(uuid4()) is None
        for stream in ("user-1", "user-2", "order-1"):
            await append_each(store, stream, 3)
        page = await store.read(Read(limit=MAX_LIMIT))
        for event in page:
            assert await store.find(event.id) == event
        assert await store.find(uuid4()) is None

    async def test_an_id_in_two_streams_finds_the_earlier(self, store: EventStore) -> None:
        """One id may be used again in another stream."""
        assert isinstance(store, Searching)
        [event] = facts(1)
        await append_each(store, "user-0", 2)
        first = await store.append("user-1", [event])
        await store.append("user-2", [event])
        earlier = await store.find(event.id)
        assert earlier is not None
        assert earlier.position == first.position

    async def test_events_are_found_by_a_word_in_their_metadata(self, store: EventStore) -> None:
        """In the metadata alone, with its letters as they are, any of several words."""
        await store.append("a-1", [carrying("req-1"), carrying("req-2", data="req-1")])
        await store.append("b-1", [carrying("REQ-1"), carrying("x-req-1-x"), *facts(1)])
        assert await self.places(store, "req-1") == [1, 4]
        assert await self.places(store, "req-2", "REQ") == [2, 3]
        assert await self.places(store, "nobody") == []
        assert await self.places(store, "nobody", "req") == [1, 2, 4]

    async def test_a_word_is_no_pattern(self, store: EventStore) -> None:
        """Signs that mean something in other searches stand for themselves."""
        words = ["100%", "a_b", "a.b", "[x]", "it's", "ä€😀", "*"]
        await store.append("a-1", [carrying(word) for word in words])
        await store.append("a-2", [carrying(word) for word in ("100", "aXb", "x", "its")])
        for position, word in enumerate(words, 1):
            assert await self.places(store, word) == [position]

    async def test_bounds_and_direction_are_kept(self, store: EventStore) -> None:
        """Positions behind `after`, up to and with `until`, from either end, so many."""
        await store.append("a-1", [carrying("w") for _ in range(6)])
        assert await self.places(store, "w", after=2, until=4) == [3, 4]
        assert await self.places(store, "w", until=4, newest_first=True) == [4, 3, 2, 1]
        assert await self.places(store, "w", limit=2) == [1, 2]
        assert await self.places(store, "w", newest_first=True, limit=2, until=99) == [6, 5]
        assert await self.places(store, "w", after=6) == []
        assert await self.places(store, "w", until=-1) == []

    async def test_as_many_words_as_allowed_are_looked_for(self, store: EventStore) -> None:
        """And not one more."""
        words = [f"word-{number}-" for number in range(MAX_WORDS)]
        await store.append("a-1", [carrying(word) for word in words])
        assert len(await self.places(store, *words)) == MAX_WORDS
        with pytest.raises(InvalidRead):
            Sought(words=(*words, "more"), until=1)
        for wrong in ((), ("",)):
            with pytest.raises(InvalidRead):
                Sought(words=wrong, until=1)

    async def test_a_word_that_cannot_be_stored_is_not_found(self, store: EventStore) -> None:
        """Nor does it keep others from being found."""
        await store.append("a-1", [carrying("here")])
        assert await self.places(store, "\ud800") == []
        assert await self.places(store, "\ud800", "here") == [1]
        assert await self.places(store, "he\0re") == []

    async def places(
        self,
        store: EventStore,
        *words: str,
        after: int = 0,
        until: int = 1_000,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[int]:
        """Return the positions of what is found; each event is the one that a read returns."""
        sought = Sought(
            words=words, after=after, until=until, newest_first=newest_first, limit=limit
        )
        page = await found(store, sought)
        stored = {event.position: event for event in await store.read(Read(limit=MAX_LIMIT))}
        assert all(event == stored[event.position] for event in page)
        return [event.position for event in page]
