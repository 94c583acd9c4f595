"""Durability: what was acknowledged is there after closing, and after kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from backstory.core.events import Appended, RecordedEvent
from backstory.core.expected import ANY, NO_STREAM, Expected, WrongExpectedRevision
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore, Power, Verifying
from backstory.testing.contract.powers import requires
from backstory.testing.contract.processes import PATIENCE, Child
from backstory.testing.contract.topic import Topic
from backstory.testing.contract.verifying import check_sound
from backstory.testing.making import Opener
from backstory.testing.samples import all_of, append_each, check_order, fact, facts


def check_acknowledged(log: Sequence[RecordedEvent], said: Sequence[Sequence[object]]) -> None:
    """Check that *log* holds each append a child was answered, whole and in its place."""
    for stream, revision, position, ids in said:
        last = cast("int", position)
        wanted = cast("list[str]", ids)
        stored = log[last - len(wanted) : last]
        assert [str(event.id) for event in stored] == wanted
        assert (stored[-1].stream, stored[-1].revision) == (stream, revision)


@requires(Power.DURABLE)
class DurabilityTopic(Topic):
    """What outlives the process that wrote it."""

    async def test_a_reopened_store_holds_what_it_held(self, opener: Opener) -> None:
        """Every event comes back equal, by every way of reading."""
        store = await opener.open()
        for number in range(20):
            await store.append(f"user-{number % 4}", facts(1 + number % 3, f"kind-{number % 2}"))
        queries = [
            Read(),
            Read(direction=BACKWARDS),
            Read(stream="user-2"),
            Read(category="user", types=("kind-1",)),
        ]
        before = [await all_of(store, query) for query in queries]
        head = await store.head()
        await store.close()
        again = await opener.open()
        assert [await all_of(again, query) for query in queries] == before
        assert await again.head() == head

    async def test_a_reopened_store_goes_on_where_it_ended(self, opener: Opener) -> None:
        """Revisions, positions and expectations carry on."""
        store = await opener.open()
        await append_each(store, "user-1", 3)
        await store.close()
        again = await opener.open()
        with pytest.raises(WrongExpectedRevision) as caught:
            await again.append("user-1", [fact()], expected=NO_STREAM)
        assert caught.value.actual == 2
        assert await again.append("user-1", [fact()], expected=2) == Appended("user-1", 3, 4)
        assert await again.append("user-2", [fact()]) == Appended("user-2", 0, 5)

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    async def test_an_append_can_be_repeated_after_reopening(
        self, opener: Opener, expected: Expected
    ) -> None:
        """A retry after a restart answers the original."""
        batch = facts(3)
        store = await opener.open()
        original = await store.append("user-1", batch, expected=expected)
        await append_each(store, "user-1", 2)
        await store.close()
        again = await opener.open()
        assert await again.append("user-1", batch, expected=expected) == original
        assert await again.head() == 5

    async def test_an_empty_store_reopens_empty(self, opener: Opener) -> None:
        """Opening and closing writes no event."""
        for _ in range(3):
            store = await opener.open()
            assert await store.head() == 0
            await store.close()

    async def test_an_answered_append_is_there_for_another_process(self, opener: Opener) -> None:
        """What one process was answered, another reads."""
        store = await opener.open()
        await append_each(store, "user-1", 10)
        wanted = [[event.position, str(event.id)] for event in await all_of(store)]
        await store.close()
        reader = await Child.start(opener, "follow", 10)
        assert await reader.result() == wanted

    async def test_every_acknowledged_append_survives_kill_9(self, opener: Opener) -> None:
        """A process killed while it appends loses nothing it was answered, again and again."""
        said: list[list[object]] = []
        for answers_before_death in (1, 30, 75, 150):
            child = await Child.start(opener, "append", f"life{answers_before_death}", 8, 0)
            await self._listen(child, said, len(said) + answers_before_death)
            await self._check_survivor(opener, said)

    @staticmethod
    async def _listen(child: Child, said: list[list[object]], enough: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                async for line in child.lines():
                    said.append(line)
                    if len(said) == enough:
                        child.process.kill()
        finally:
            await child.kill()

    async def _check_survivor(self, opener: Opener, said: list[list[object]]) -> None:
        store: EventStore = await opener.open()
        log = await all_of(store)
        check_order(log)
        check_acknowledged(log, said)
        assert await store.head() == len(log)
        if Power.VERIFIABLE in self.powers:
            assert isinstance(store, Verifying)
            assert await check_sound(store) == len(log)
        await store.close()
