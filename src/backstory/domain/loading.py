"""Loading: from the events of a stream to its state, with the help of a trusted snapshot."""

from __future__ import annotations

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
from backstory.domain.keeping import Keeper
from backstory.domain.snapshots import Snapshot, SnapshotPolicy

_PAGE = 1_000
_NO_TYPES: frozenset[str] = frozenset()


class Folded(msgspec.Struct, Generic[State], frozen=True):
    """A state, the last event in it (None: no stream), and how many were folded to get there.

    `types` names the event types in the state where snapshots are kept, and is empty elsewhere.
    """

    state: State
    last: RecordedEvent | None
    count: int
    types: frozenset[str] = _NO_TYPES

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
        self.keeper: Keeper[State] | None = None
        if policy is not None:
            self.keeper = Keeper(policy, schema, decider)

    async def load(self, stream: str, until: int | None = None) -> Folded[State]:
        """Return the state of *stream*, as of the position *until* when one is given."""
        anchor = None if self.keeper is None else await self.keeper.find(stream, until)
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
        types = set() if anchor is None else set(anchor.types)
        last, count = None, 0
        async for page in pages(
            self._store, Read(stream=stream, after=after, until=until, limit=_PAGE)
        ):
            last, events = page[-1], page
            if anchor is not None:
                if not anchor.taken_at(page[0]):
                    return None
                anchor, events = None, page[1:]
            state = reduce(self._evolve, self.decode_page(events), state)
            count += len(events)
            if self.keeper is not None:
                types.update([event.type for event in events])
        return Folded(state, last, count, frozenset(types)) if anchor is None else None
