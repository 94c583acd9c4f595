"""A state machine that drives any store and the memory store side by side, and compares them.

Names, ids and revisions are drawn from small pools on purpose: repeated, half repeated and
conflicting appends are then the rule and not the exception.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backstory.core.errors import BackstoryError
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.stores.memory import MemoryStore
from backstory.testing.making import HandClock, Maker
from backstory.testing.samples import all_of
from backstory.testing.strategies import reads

T = TypeVar("T")
Attempt = tuple[str, tuple[NewEvent, ...], Expected]

STREAMS: Final = ("user-1", "user-2", "user", "users-1")
TYPES: Final = ("a", "b", "c")
IDS: Final = 12
EXAMPLES_IN_CI: Final = 2_000
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
queries: Final[st.SearchStrategy[Read]] = reads(
    streams=st.sampled_from((*STREAMS, "missing")),
    categories=st.sampled_from(("user", "users", "missing")),
    types=st.sampled_from((*TYPES, "missing")),
    bounds=st.integers(-1, 25),
)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store under test and to the model, and compares every answer."""

    make: ClassVar[Maker]
    durable: ClassVar[bool] = False
    attempts: ClassVar[Bundle[Attempt]] = Bundle("attempts")

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

    @rule(target=attempts, stream=streams, batch=batches, expected=expectations)
    def append(self, stream: str, batch: tuple[NewEvent, ...], expected: Expected) -> Attempt:
        """Append what may be new, known or both, expecting anything."""
        return self._append_to_both(stream, batch, expected)

    @rule(target=attempts, stream=streams, batch=batches)
    def append_at_the_end(self, stream: str, batch: tuple[NewEvent, ...]) -> Attempt:
        """Append what the stream's present end allows, so that streams grow."""
        newest = self._run(self._read_newest(stream))
        return self._append_to_both(stream, batch, newest[0].revision if newest else NO_STREAM)

    @rule(attempt=attempts)
    def repeat(self, attempt: Attempt) -> None:
        """Append an earlier batch again, as it was."""
        self._append_to_both(*attempt)

    @rule(attempt=attempts, expected=expectations)
    def repeat_elsewhere(self, attempt: Attempt, expected: Expected) -> None:
        """Append an earlier batch again, expecting something else."""
        self._append_to_both(attempt[0], attempt[1], expected)

    @rule(attempt=attempts, extra=batches, keep=st.integers(0, 3))
    def repeat_in_part(self, attempt: Attempt, extra: tuple[NewEvent, ...], keep: int) -> None:
        """Append a part of an earlier batch with other events behind it."""
        stream, batch, expected = attempt
        kept = batch[:keep]
        mixed = (*kept, *(event for event in extra if event not in kept))
        self._append_to_both(stream, mixed, expected)

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

    @precondition(lambda self: self.durable)
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

    def _append_to_both(
        self, stream: str, batch: tuple[NewEvent, ...], expected: Expected
    ) -> Attempt:
        wanted = self._run(_outcome(self._model, stream, batch, expected))
        found = self._run(_outcome(self._store, stream, batch, expected))
        assert found == wanted
        return stream, batch, expected

    async def _read_both(self, query: Read) -> None:
        assert await self._store.read(query) == await self._model.read(query)
        assert await all_of(self._store, query) == await all_of(self._model, query)

    async def _compare_heads(self, position: int) -> None:
        head = await self._model.head()
        assert await self._store.head() == head
        assert await self._store.wait(position, 0) == head


async def _outcome(
    store: EventStore, stream: str, batch: tuple[NewEvent, ...], expected: Expected
) -> object:
    try:
        answered: Appended = await store.append(stream, batch, expected=expected)
    except WrongExpectedRevision as conflict:
        return conflict.stream, conflict.expected, conflict.actual
    except BackstoryError as error:
        return type(error)
    return answered


def examples_wanted() -> int:
    """Return how many histories to try: many where the environment says `CI=true`."""
    return EXAMPLES_IN_CI if os.environ.get("CI", "").lower() in {"true", "1"} else EXAMPLES


def machine_of(make: Maker, *, durable: bool) -> type[StoreMachine]:
    """Return the state machine for the store that *make* makes, to be run with other settings."""
    return type("Machine", (StoreMachine,), {"make": staticmethod(make), "durable": durable})


def compare_with_memory(make: Maker, *, durable: bool, examples: int | None = None) -> None:
    """Check that a store answers every history as the memory store does.

    *make* makes an empty store in a directory; a *durable* one is also reopened there now and then.
    Raises `AssertionError`, with the shortest history found, when an answer differs.
    """
    run_state_machine_as_test(
        machine_of(make, durable=durable),
        settings=settings(
            max_examples=examples or examples_wanted(),
            stateful_step_count=20,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
