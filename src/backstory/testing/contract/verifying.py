"""Verifying: a sound store is reported sound, all the way to its head."""

from __future__ import annotations

import asyncio
import random
from typing import cast

import pytest

from backstory.core.expected import ANY, NO_STREAM, WrongExpectedRevision
from backstory.core.store import EventStore, Fault, Power, Verifying
from backstory.testing.contract.ordering import write
from backstory.testing.contract.powers import requires
from backstory.testing.contract.topic import Topic
from backstory.testing.samples import append_each, facts


async def check_sound(store: EventStore) -> int:
    """Check that *store* finds no fault in itself; return how far it looked."""
    reached = 0
    async for found in cast("Verifying", store).verify():
        assert not isinstance(found, Fault), found
        assert found >= reached
        reached = found
    return reached


@requires(Power.VERIFIABLE)
class VerifyingTopic(Topic):
    """What `verify` says of a store that nothing happened to."""

    async def test_a_verifiable_store_speaks_the_protocol(self, store: EventStore) -> None:
        """The declared power is there."""
        assert isinstance(store, Verifying)

    async def test_an_empty_store_is_sound(self, store: EventStore) -> None:
        """Nothing stored, nothing wrong."""
        assert await check_sound(store) == 0

    @pytest.mark.parametrize("seed", range(5))
    async def test_a_random_history_is_sound_to_its_head(
        self, store: EventStore, seed: int
    ) -> None:
        """Appends, repetitions and conflicts in any order leave a sound store."""
        chance = random.Random(seed)  # noqa: S311 - a history, not a secret
        sent = []
        for _ in range(150):
            stream = f"{chance.choice(('user', 'order', 'user/ü'))}-{chance.randrange(5)}"
            batch = facts(chance.randrange(1, 5), chance.choice(("a", "b", "c")))
            sent.append((stream, batch, chance.choice((ANY, NO_STREAM, 0, 3))))
        for stream, batch, expected in sent + chance.sample(sent, 50):
            try:
                await store.append(stream, batch, expected=expected)
            except WrongExpectedRevision:
                continue
        assert await check_sound(store) == await store.head() > 0

    async def test_verifying_writes_nothing(self, store: EventStore) -> None:
        """Checking twice finds the same, and the next append its place."""
        await append_each(store, "user-1", 5)
        assert await check_sound(store) == await check_sound(store) == 5
        assert (await store.append("user-1", facts(1))).position == 6

    async def test_a_store_in_use_is_sound(self, store: EventStore) -> None:
        """Checking while others append finds no fault that is not there."""
        writing = asyncio.gather(*(write(store, writer) for writer in range(8)))
        while not writing.done():
            await check_sound(store)
            await asyncio.sleep(0)
        await writing
        assert await check_sound(store) == await store.head()
