"""Stores that break one promise of finding and searching each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.store import Sought
from backstory.stores.memory import MemoryStore
from backstory.testing import StoreContract as Contract
from tests.stores.broken_several import Test


def kept(store: MemoryStore) -> list[RecordedEvent]:
    """Return what is in the log and not erased."""
    return [event for event in store._log if event is not None]  # noqa: SLF001 - it is broken


class FindsTheLatest(MemoryStore):
    """Of several events with one id the last is found."""

    async def find(self, id: UUID) -> RecordedEvent | None:  # noqa: A002 - the protocol's
        """Look from behind."""
        return next((event for event in reversed(kept(self)) if event.id_bytes == id.bytes), None)


class MatchesAnyCase(MemoryStore):
    """Letters count as equal when they differ in case."""

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Compare without case."""
        words = [word.encode(errors="ignore").lower() for word in sought.words]
        found = [event for event in kept(self) if any(w in event.metadata.lower() for w in words)]
        return found[: sought.limit]


class MatchesPatterns(MemoryStore):
    """A word is taken for a pattern."""

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Search with the words as they are."""
        patterns = [re.compile(word.encode(errors="ignore")) for word in sought.words]
        return [event for event in kept(self) if any(p.search(event.metadata) for p in patterns)]


class SearchesData(MemoryStore):
    """Words are found in the data, too."""

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Look into both."""
        words = [word.encode(errors="ignore") for word in sought.words]
        held = ((event, event.data + event.metadata) for event in kept(self))
        return [event for event, both in held if any(word in both for word in words)]


class ForgetsTheEnd(MemoryStore):
    """The upper bound does not count."""

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Search to the head."""
        return await super().search(msgspec.structs.replace(sought, until=len(self._log)))


class LooksForOneWord(MemoryStore):
    """Only the first word counts."""

    async def search(self, sought: Sought) -> Sequence[RecordedEvent]:
        """Drop the others."""
        return await super().search(msgspec.structs.replace(sought, words=sought.words[:1]))


CASES: list[tuple[type[MemoryStore], Test, dict[str, object]]] = [
    (FindsTheLatest, Contract.test_an_id_in_two_streams_finds_the_earlier, {}),
    (MatchesAnyCase, Contract.test_events_are_found_by_a_word_in_their_metadata, {}),
    (MatchesPatterns, Contract.test_a_word_is_no_pattern, {}),
    (SearchesData, Contract.test_events_are_found_by_a_word_in_their_metadata, {}),
    (ForgetsTheEnd, Contract.test_bounds_and_direction_are_kept, {}),
    (LooksForOneWord, Contract.test_as_many_words_as_allowed_are_looked_for, {}),
]
