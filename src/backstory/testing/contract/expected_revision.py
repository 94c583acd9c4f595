"""Optimistic concurrency: an append happens on the stream it expects, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from backstory.core.events import Appended
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.store import EventStore
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import all_of, append_each, fact, facts, unchanged

FAR_AHEAD = 2**70


class ExpectedRevisionTopic(Topic):
    """What `expected` allows and refuses."""

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_a_new_stream_takes_any_and_no_stream(
        self, store: EventStore, expected: Expected
    ) -> None:
        """A stream starts under `ANY` and under `NO_STREAM`."""
        await append_each(store, "other-1", 2)
        answered = await store.append("user-1", facts(2), expected=expected)
        assert answered == Appended("user-1", 1, 4)

    @pytest.mark.parametrize("expected", [ANY, STREAM_EXISTS, 2])
    async def test_a_stream_takes_any_stream_exists_and_its_last_revision(
        self, store: EventStore, expected: Expected
    ) -> None:
        """An existing stream grows under each requirement that it meets."""
        await append_each(store, "user-1", 3)
        answered = await store.append("user-1", facts(2), expected=expected)
        assert answered == Appended("user-1", 4, 5)

    @pytest.mark.parametrize("expected", [STREAM_EXISTS, 0, 1, FAR_AHEAD])
    async def test_a_missing_stream_refuses_what_needs_one(
        self, store: EventStore, expected: Expected
    ) -> None:
        """Without the stream, the error says that there is none."""
        await append_each(store, "user-2", 3)
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await store.append("user-1", facts(2), expected=expected)
        refused = caught.value
        assert (refused.stream, refused.expected, refused.actual) == ("user-1", expected, None)

    @pytest.mark.parametrize("expected", [NO_STREAM, 0, 1, 3, 4, FAR_AHEAD])
    async def test_a_conflict_leaves_nothing_behind(
        self, store: EventStore, expected: Expected
    ) -> None:
        """A wrong expectation says the actual revision, writes nothing and burns no position."""
        await append_each(store, "user-1", 3)
        await append_each(store, "user-2", 2)
        async with unchanged(store):
            with pytest.raises(WrongExpectedRevision) as caught:
                await store.append("user-1", facts(3), expected=expected)
        refused = caught.value
        assert (refused.stream, refused.expected, refused.actual) == ("user-1", expected, 2)

    async def test_a_conflict_does_not_create_the_stream(self, store: EventStore) -> None:
        """After a refused first append the stream is still missing."""
        with pytest.raises(WrongExpectedRevision):
            await store.append("user-1", [fact()], expected=STREAM_EXISTS)
        with pytest.raises(WrongExpectedRevision) as caught:
            await store.append("user-1", [fact()], expected=0)
        assert caught.value.actual is None
        assert await store.append("user-1", [fact()], expected=NO_STREAM) == Appended(
            "user-1", 0, 1
        )

    async def test_a_stream_grows_revision_by_revision(self, store: EventStore) -> None:
        """Each answer is the next append's expectation."""
        expected: Expected = NO_STREAM
        for count in (1, 3, 2, 1):
            expected = (await store.append("user-1", facts(count), expected=expected)).revision
        assert expected == len(await all_of(store)) - 1

    async def test_appends_sent_together_keep_their_own_outcome(self, store: EventStore) -> None:
        """A conflict among concurrent appends harms none of the others."""
        await append_each(store, "user-1", 1)
        appends = [
            store.append("user-1", [fact()], expected=NO_STREAM)
            if number % 2
            else store.append(f"order-{number}", facts(2), expected=NO_STREAM)
            for number in range(40)
        ]
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert all(isinstance(each, Appended) for each in outcomes[0::2])
        assert all(isinstance(each, WrongExpectedRevision) for each in outcomes[1::2])
        assert len(await all_of(store)) == 1 + 2 * 20
