"""Loading: from the events of a stream to its state, with the help of a trusted snapshot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Generic, cast

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.reading import pages
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.snapshots import Snapshot, SnapshotPolicy, StateCodec, fold_fingerprint

_PAGE = 1_000
_log = logging.getLogger("backstory.domain")


class Folded(msgspec.Struct, Generic[State], frozen=True):
    """A state, the last event in it (None: no stream), and how many were folded to get there."""

    state: State
    last: RecordedEvent | None
    count: int

    @property
    def revision(self) -> int | None:
        """Return the stream's revision the state is of."""
        return None if self.last is None else self.last.revision

    @property
    def position(self) -> int:
        """Return the position the state is of, 0 without a stream."""
        return 0 if self.last is None else self.last.position


class Loader(Generic[Event, State]):
    """Folds streams, from a snapshot on where one can be trusted."""

    def __init__(
        self,
        store: EventStore,
        schema: Schema,
        decider: Decider[Command, Event, State],
        policy: SnapshotPolicy | None,
    ) -> None:
        """Read from *store*; without a *policy* there are no snapshots."""
        self._store = store
        # The decider vouches that its streams hold its own events; `evolve` is where others show.
        self.decode_page: Callable[[Sequence[RecordedEvent]], list[Event]] = cast(
            "Callable[[Sequence[RecordedEvent]], list[Event]]", schema.decode_page
        )
        self._initial, self._evolve = decider.initial, decider.evolve
        self._policy = policy
        self._codec: StateCodec[State] | None = None
        if policy is not None:
            fold = fold_fingerprint(decider, schema, policy.state)
            self._codec = StateCodec(policy.state, fold)

    async def load(self, stream: str, until: int | None = None) -> Folded[State]:
        """Return the state of *stream*, as of the position *until* when one is given."""
        anchor = await self._snapshot_of(stream, until)
        if anchor is not None:
            snapshot, state = anchor
            folded = await self._fold(state, stream, until, snapshot)
            if folded is not None:
                return folded
        scratch = await self._fold(self._initial, stream, until, None)
        return cast("Folded[State]", scratch)

    async def _fold(
        self, state: State, stream: str, until: int | None, anchor: Snapshot | None
    ) -> Folded[State] | None:
        """Fold what follows *anchor*; None when the event it was taken at is not where it says."""
        # Its own event is read too: in a restored or replaced store another may stand there.
        after = None if anchor is None else anchor.revision - 1
        decode_page, evolve = self.decode_page, self._evolve
        last, count = None, 0
        async for page in pages(
            self._store, Read(stream=stream, after=after, until=until, limit=_PAGE)
        ):
            last, events = page[-1], page
            if anchor is not None:
                if not anchor.taken_at(page[0]):
                    return None
                anchor, events = None, page[1:]
            state = reduce(evolve, decode_page(events), state)
            count += len(events)
        return Folded(state, last, count) if anchor is None else None

    async def _snapshot_of(self, stream: str, until: int | None) -> tuple[Snapshot, State] | None:
        if self._policy is None or self._codec is None:
            return None
        try:
            snapshot = await self._policy.store.load(stream)
            if snapshot is None or snapshot.stream != stream or snapshot.fold != self._codec.fold:
                return None
            if until is not None and snapshot.position > until:
                return None
            return snapshot, self._codec.restore(snapshot.state)
        except Exception:  # noqa: BLE001 - a cache may fail in any way of its maker's
            _log.warning("the snapshot of %r is ignored: it cannot be read", stream, exc_info=True)
            return None

    async def keep(self, folded: Folded[State]) -> None:
        """Save a snapshot of *folded* when enough events stand behind the last one.

        A snapshot that cannot be saved is logged: it costs time later, never the command now.
        """
        if self._policy is None or self._codec is None or folded.last is None:
            return
        if folded.count < self._policy.every:
            return
        try:
            await self._policy.store.save(self._codec.snapshot(folded.state, folded.last))
        except Exception:  # noqa: BLE001 - the events are stored; nothing may fail now
            _log.warning("no snapshot of %r was saved", folded.last.stream, exc_info=True)
