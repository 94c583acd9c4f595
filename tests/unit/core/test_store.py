"""The powers of a store: used where they are, refused by name where they are not."""

from __future__ import annotations

import pytest

from backstory.core.appending import StreamAppend
from backstory.core.errors import PowerMissing
from backstory.core.events import Appended, NewEvent
from backstory.core.store import EventStore, append_several
from backstory.stores.memory import MemoryStore


class FiveMethods:
    """A store that can do what every store can."""

    def __init__(self, store: EventStore) -> None:
        """Do what *store* does."""
        self.append = store.append
        self.read = store.read
        self.head = store.head
        self.wait = store.wait
        self.close = store.close


async def test_a_store_with_the_power_appends_to_several() -> None:
    """The function hands the parts to the store as they are."""
    parts = [StreamAppend("a", [NewEvent.of("x", 1)]), StreamAppend("b", [NewEvent.of("x", 2)])]
    answers = await append_several(MemoryStore(), parts)
    assert list(answers) == [Appended("a", 0, 1), Appended("b", 0, 2)]


async def test_a_store_without_the_power_says_so_before_anything_is_written() -> None:
    """Appending one by one instead would break the promise of all or none."""
    store = MemoryStore()
    with pytest.raises(PowerMissing, match="FiveMethods is no store that appends to several"):
        await append_several(FiveMethods(store), [StreamAppend("a", [NewEvent.of("x", 1)])])
    assert await store.head() == 0
