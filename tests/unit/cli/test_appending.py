from __future__ import annotations

from collections.abc import Sequence

import pytest

from backstory import (
    ANY,
    Appended,
    EventStore,
    Expected,
    NewEvent,
    OutcomeUnknown,
    Read,
    open_store,
)
from backstory.cli.appending import append_surely


class _LosesAnswers:
    """A store whose first answers are lost on the way, after the events were written."""

    def __init__(self, store: EventStore, times: int) -> None:
        self._store = store
        self._left = times
        self.read = store.read
        self.head = store.head
        self.wait = store.wait
        self.close = store.close

    async def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: Expected = ANY
    ) -> Appended:
        appended = await self._store.append(stream, events, expected=expected)
        self._left -= 1
        if self._left >= 0:
            raise OutcomeUnknown
        return appended


async def test_an_append_whose_answer_was_lost_is_repeated_and_written_once() -> None:
    """The ids make the repetition safe, so no user has to."""
    store = await open_store("memory:")
    event = NewEvent.of("joined", {})
    appended = await append_surely(_LosesAnswers(store, 2), "member-1", [event], ANY)
    assert appended == Appended("member-1", 0, 1)
    assert len(await store.read(Read())) == 1
    await store.close()


async def test_an_outcome_that_stays_unknown_is_told() -> None:
    """Trying for ever would look like a hanging command."""
    store = await open_store("memory:")
    with pytest.raises(OutcomeUnknown):
        await append_surely(_LosesAnswers(store, 99), "member-1", [NewEvent.of("joined", {})], ANY)
    await store.close()
