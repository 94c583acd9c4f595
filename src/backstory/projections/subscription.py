"""Following a store: first what is there, then what comes, without a gap or a duplicate.

The main path, and the ways off it:

    CATCHING_UP ──> LIVE ──> LAGGING ──> CATCHING_UP ──> …
         │            │         │
         └────────────┴─────────┴──> RECONNECTING ──> CATCHING_UP     the store was unavailable
    any state ──> CLOSED                                              `close` was called

- CATCHING_UP reads page after page up to the head; at the head it becomes LIVE.
- LIVE waits for the store to grow and reads what is new; more than a page behind, it is LAGGING.
- LAGGING has fallen behind: it delivers one page that says so and is CATCHING_UP again.
- RECONNECTING waits, longer each time, and goes on behind the last event delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from enum import Enum
from typing import TypeVar

import msgspec

from backstory.core.errors import CheckpointAhead, InvalidRead, StoreUnavailable
from backstory.core.events import RecordedEvent
from backstory.core.read import FORWARDS, Read
from backstory.core.store import EventStore
from backstory.projections.backoff import Backoff

T = TypeVar("T")

_PATIENCE = 30.0
"""Seconds after which a live wait is begun anew; it wakes at once when there is something."""

HANDFUL = 3
"""Events that came at once; more of them are on their way, then."""


class State(Enum):
    """What a subscription is doing."""

    CATCHING_UP = "catching up"
    LIVE = "live"
    LAGGING = "lagging"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class Batch(msgspec.Struct, frozen=True):
    """What a subscription delivers.

    `events` are all events of interest after the batch before, up to and including `position`;
    they may be none, when the log grew only by events of no interest. `state` is what the
    subscription was doing when it read them.
    """

    events: Sequence[RecordedEvent]
    position: int
    state: State


class Subscription:
    """An endless asynchronous iterator over the batches of one read.

    Delivers each event behind position *after* that fits *query* once and in order, at most
    `query.limit` at a time. It reads when it is asked and holds one page, so a slow reader costs
    no memory. While the store is unavailable it tries again without end (watch `state`).

    Raises `CheckpointAhead` when the store ends before *after*, `StoreClosed` when the store was
    closed, and `InvalidRead` for a query that runs backwards or has an end.
    """

    def __init__(
        self,
        store: EventStore,
        query: Read,
        *,
        after: int = 0,
        gather: float = 0.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Follow *query* behind position *after*; in a stream, behind `query.after` as well.

        With *gather*, once events come in handfuls, it waits so many seconds before it looks for
        the next: what comes meanwhile is in the same batch. An event that comes alone after others
        that did is delivered at once.
        """
        if query.direction is not FORWARDS or query.before is not None or query.until is not None:
            message = "a subscription reads forwards and has no end: give neither before nor until"
            raise InvalidRead(message)
        self._store = store
        self._query = query if query.stream is not None else query.resume(after)
        self._position = after
        self._head = after
        self._gather = gather
        self._busy = False
        self._state = State.CATCHING_UP
        self._backoff = backoff or Backoff()
        self._failures = 0
        self._closed: asyncio.Future[None] | None = None
        self._steps = {
            State.CATCHING_UP: self._catch_up,
            State.LIVE: self._follow,
            State.LAGGING: self._catch_up_again,
            State.RECONNECTING: self._reconnect,
        }

    @property
    def state(self) -> State:
        """Return what the subscription is doing."""
        return self._state

    @property
    def position(self) -> int:
        """Return the position up to which everything of interest has been delivered."""
        return self._position

    @property
    def head(self) -> int:
        """Return the head of the store as last seen."""
        return self._head

    def __aiter__(self) -> Subscription:
        """Return itself."""
        return self

    async def __anext__(self) -> Batch:
        """Return the next batch, waiting for one; ends the iteration after `close`."""
        while self._state is not State.CLOSED:
            try:
                batch = await self._steps[self._state]()
            except StoreUnavailable:
                self._lose_store()
                continue
            if batch is not None:
                return batch
        raise StopAsyncIteration

    async def close(self) -> None:
        """End the iteration and wake whoever waits in it; closing twice is allowed."""
        self._state = State.CLOSED
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    # One method per state; each does the state's work and decides where to go from there.

    async def _catch_up(self) -> Batch | None:
        self._head = await self._store.head()
        if self._head < self._position:
            raise CheckpointAhead(position=self._position, head=self._head)
        if self._head == self._position:
            self._failures = 0
            self._become(State.LIVE)
            return None
        return await self._page(State.CATCHING_UP)

    async def _follow(self) -> Batch | None:
        if self._busy and self._gather:
            await self._unless_closed(asyncio.sleep(self._gather))
        head = await self._unless_closed(self._store.wait(self._position, _PATIENCE))
        if head is None or head <= self._position:
            return None
        self._head = head
        self._busy = head - self._position >= HANDFUL
        if head - self._position > self._query.limit:
            self._become(State.LAGGING)
            return None
        return await self._page(State.LIVE)

    async def _catch_up_again(self) -> Batch | None:
        batch = await self._page(State.LAGGING)
        self._become(State.CATCHING_UP)
        return batch

    async def _reconnect(self) -> Batch | None:
        await self._unless_closed(asyncio.sleep(self._backoff.delay(self._failures)))
        self._head = await self._store.head()
        self._become(State.CATCHING_UP)
        return None

    def _lose_store(self) -> None:
        self._failures += 1
        self._become(State.RECONNECTING)

    def _become(self, state: State) -> None:
        if self._state is not State.CLOSED:
            self._state = state

    async def _page(self, state: State) -> Batch:
        """Return what stands behind the position, as far as one page reaches."""
        # The head was taken before the page is read: when the page is empty, everything up to
        # that head is known to be of no interest. Nothing appears later below what was seen.
        after, covered = self._position, self._head
        page = await self._store.read(self._query)
        if page:
            last = page[-1]
            covered = max(after, last.position)
            self._query = self._query.resume(
                last.position if self._query.stream is None else last.revision
            )
            if page[0].position <= after:  # a stream is resumed by revision, from its beginning
                page = [event for event in page if event.position > after]
        self._position, self._failures = covered, 0
        return Batch(page, covered, state)

    async def _unless_closed(self, work: Coroutine[object, object, T]) -> T | None:
        """Return what *work* gives, or None as soon as the subscription is closed."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(work)
        both: set[asyncio.Future[T] | asyncio.Future[None]] = {task, self._closed}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
