"""A state machine that drives any store and the memory store side by side, and compares them.

Names, ids and revisions are drawn from small pools on purpose: repeated, half repeated and
conflicting appends are then the rule and not the exception.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from operator import itemgetter
from pathlib import Path
from typing import ClassVar, Final, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backstory.core.appending import StreamAppend
from backstory.core.errors import BackstoryError
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore, Power, append_several
from backstory.stores.memory import MemoryStore
from backstory.testing.making import HandClock, Maker
from backstory.testing.samples import all_of
from backstory.testing.strategies import reads

T = TypeVar("T")

STREAMS: Final = ("user-1", "user-2", "user", "users-1")
TYPES: Final = ("a", "b", "c")
IDS: Final = 12
EXAMPLES_IN_CI: Final = 300
EXAMPLES: Final = 200

_EVENTS: Final = tuple(
    NewEvent.of(TYPES[number % len(TYPES)], {"number": number}, id=UUID(int=number))
    for number in range(IDS)
)
_MEMORY_DISK: Final = Path("/dev/shm")  # noqa: S108 - only where the fastest temporary files go

streams: Final[st.SearchStrategy[str]] = st.sampled_from(STREAMS)
batches: Final[st.SearchStrategy[tuple[NewEvent, ...]]] = st.lists(
    st.sampled_from(_EVENTS), min_size=1, max_size=4, unique=True
).map(tuple)
expectations: Final[st.SearchStrategy[Expected]] = st.one_of(
    st.sampled_from((ANY, NO_STREAM, STREAM_EXISTS)), st.integers(min_value=0, max_value=8)
)
parts: Final[st.SearchStrategy[StreamAppend]] = st.builds(
    StreamAppend, streams, batches, expectations
)
queries: Final[st.SearchStrategy[Read]] = reads(
    streams=st.sampled_from((*STREAMS, "missing")),
    categories=st.sampled_from(("user", "users", "missing")),
    types=st.sampled_from((*TYPES, "missing")),
    bounds=st.integers(-1, 25),
)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store under test and to the model, and compares every answer."""

    make: ClassVar[Maker]
    powers: ClassVar[AbstractSet[Power]] = frozenset()
    attempts: ClassVar[Bundle[StreamAppend]] = Bundle("attempts")

    def __init__(self) -> None:
        """Start with two empty stores, one clock and a loop of their own."""
        super().__init__()
        self._runner = asyncio.Runner()
        fastest = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
        self._place = tempfile.TemporaryDirectory(prefix="backstory-", dir=fastest)
        self._clock = HandClock()
        self._model: EventStore = MemoryStore(clock=self._clock)
        self._store = self._run(self._open())

    async def _open(self) -> EventStore:
        return await type(self).make(Path(self._place.name), self._clock)

    def _run(self, work: Coroutine[None, None, T]) -> T:
        return self._runner.run(work)

    @rule(target=attempts, part=parts)
    def append(self, part: StreamAppend) -> StreamAppend:
        """Append what may be new, known or both, expecting anything."""
        return self._append_to_both(part)

    @rule(target=attempts, stream=streams, batch=batches)
    def append_at_the_end(self, stream: str, batch: tuple[NewEvent, ...]) -> StreamAppend:
        """Append what the stream's present end allows, so that streams grow."""
        return self._append_to_both(self._run(self._at_the_end(stream, batch)))

    @rule(attempt=attempts)
    def repeat(self, attempt: StreamAppend) -> None:
        """Append an earlier batch again, as it was."""
        self._append_to_both(attempt)

    @rule(attempt=attempts, expected=expectations)
    def repeat_elsewhere(self, attempt: StreamAppend, expected: Expected) -> None:
        """Append an earlier batch again, expecting something else."""
        self._append_to_both(StreamAppend(attempt.stream, attempt.events, expected))

    @rule(attempt=attempts, extra=batches, keep=st.integers(0, 3))
    def repeat_in_part(self, attempt: StreamAppend, extra: tuple[NewEvent, ...], keep: int) -> None:
        """Append a part of an earlier batch with other events behind it."""
        kept = attempt.events[:keep]
        mixed = (*kept, *(event for event in extra if event not in kept))
        self._append_to_both(StreamAppend(attempt.stream, mixed, attempt.expected))

    @precondition(lambda self: Power.SEVERAL in self.powers)
    @rule(
        target=attempts,
        new=st.lists(st.tuples(streams, batches), min_size=1, max_size=3, unique_by=itemgetter(0)),
        others=st.lists(st.one_of(parts, attempts), max_size=2),
    )
    def append_to_several(
        self, new: list[tuple[str, tuple[NewEvent, ...]]], others: list[StreamAppend]
    ) -> MultipleResults[StreamAppend]:
        """Append to the ends of several streams, and what may be known or refused beside them."""
        together = {part.stream: part for part in others}
        together |= {stream: self._run(self._at_the_end(stream, batch)) for stream, batch in new}
        self._append_all_to_both(list(together.values()))
        return multiple(*together.values())

    @precondition(lambda self: Power.SEVERAL in self.powers)
    @rule(together=st.lists(attempts, min_size=1, max_size=3))
    def repeat_several(self, together: list[StreamAppend]) -> None:
        """Append earlier batches again, together; some name one stream twice."""
        self._append_all_to_both(together)

    @rule(query=queries)
    def read(self, query: Read) -> None:
        """Read one page and all pages."""
        self._run(self._read_both(query))

    @rule(position=st.integers(-1, 25))
    def ask_for_the_head(self, position: int) -> None:
        """Ask for the head in both ways."""
        self._run(self._compare_heads(position))

    @rule(microseconds=st.integers(-5, 20))
    def turn_the_clock(self, microseconds: int) -> None:
        """Let the clock go on, stand still or run backwards."""
        self._clock.now += timedelta(microseconds=microseconds)

    @precondition(lambda self: Power.DURABLE in self.powers)
    @rule()
    def reopen(self) -> None:
        """Close a durable store and open it again."""
        self._run(self._reopen())

    def teardown(self) -> None:
        """Compare all that is stored, then let go of everything."""
        try:
            self._run(self._finish())
        finally:
            self._runner.close()
            self._place.cleanup()

    async def _finish(self) -> None:
        try:
            await self._read_both(Read())
            await self._read_both(Read(direction=BACKWARDS))
            half = await self._model.head() // 2
            for stream in STREAMS:
                await self._read_both(Read(stream=stream, until=half))
        finally:
            await self._store.close()

    async def _reopen(self) -> None:
        await self._store.close()
        self._store = await self._open()

    async def _read_newest(self, stream: str) -> Sequence[RecordedEvent]:
        return await self._model.read(Read(stream=stream, direction=BACKWARDS, limit=1))

    async def _at_the_end(self, stream: str, batch: tuple[NewEvent, ...]) -> StreamAppend:
        newest = await self._read_newest(stream)
        return StreamAppend(stream, batch, newest[0].revision if newest else NO_STREAM)

    def _append_to_both(self, part: StreamAppend) -> StreamAppend:
        stream, events, expected = part.stream, part.events, part.expected
        wanted = self._run(_outcome(self._model.append(stream, events, expected=expected)))
        found = self._run(_outcome(self._store.append(stream, events, expected=expected)))
        assert found == wanted
        return part

    def _append_all_to_both(self, together: Sequence[StreamAppend]) -> None:
        wanted = self._run(_outcome(append_several(self._model, together)))
        found = self._run(_outcome(append_several(self._store, together)))
        assert found == wanted

    async def _read_both(self, query: Read) -> None:
        assert await self._store.read(query) == await self._model.read(query)
        assert await all_of(self._store, query) == await all_of(self._model, query)

    async def _compare_heads(self, position: int) -> None:
        head = await self._model.head()
        assert await self._store.head() == head
        assert await self._store.wait(position, 0) == head


async def _outcome(answer: Awaitable[object]) -> object:
    try:
        return await answer
    except WrongExpectedRevision as conflict:
        return conflict.stream, conflict.expected, conflict.actual
    except BackstoryError as error:
        return type(error)


def examples_wanted() -> int:
    """Return how many histories to try: many where the environment says `CI=true`."""
    return EXAMPLES_IN_CI if os.environ.get("CI", "").lower() in {"true", "1"} else EXAMPLES


def machine_of(make: Maker, *, powers: AbstractSet[Power] = frozenset()) -> type[StoreMachine]:
    """Return the state machine for the store that *make* makes, to be run with other settings."""
    return type("Machine", (StoreMachine,), {"make": staticmethod(make), "powers": powers})


def compare_with_memory(
    make: Maker, *, powers: AbstractSet[Power] = frozenset(), examples: int | None = None
) -> None:
    """Check that a store answers every history as the memory store does.

    *make* makes an empty store in a directory. By its *powers* it is also appended to in several
    streams at once, and reopened now and then.
    Raises `AssertionError`, with the shortest history found, when an answer differs.
    """
    run_state_machine_as_test(
        machine_of(make, powers=powers),
        settings=settings(
            max_examples=examples or examples_wanted(),
            stateful_step_count=20,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
