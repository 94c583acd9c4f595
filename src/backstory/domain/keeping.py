"""Keeping snapshots: which one may be begun with, and when a new one is taken."""

from __future__ import annotations

import logging
from typing import Generic

from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.folds import Fold, StateCodec
from backstory.domain.snapshots import Snapshot, SnapshotPolicy

_log = logging.getLogger("backstory.domain")


class Keeper(Generic[State]):
    """Finds and saves the snapshots of one decider; whatever fails here costs time alone."""

    def __init__(
        self, policy: SnapshotPolicy, schema: Schema, decider: Decider[Command, Event, State]
    ) -> None:
        """Keep snapshots by *policy* of what *decider* folds."""
        self._policy = policy
        self._codec = StateCodec(policy.state, Fold(decider, schema, policy.state))

    async def find(self, stream: str, until: int | None) -> tuple[Snapshot, State] | None:
        """Return a snapshot of *stream* up to *until* that today's fold made; None without one."""
        try:
            snapshot = await self._policy.store.load(stream)
            if snapshot is None or snapshot.stream != stream or not self._codec.trusts(snapshot):
                return None
            if until is not None and snapshot.position > until:
                return None
            return snapshot, self._codec.restore(snapshot.state)
        except Exception:  # noqa: BLE001 - a cache may fail in any way of its maker's
            _log.warning("the snapshot of %r is ignored: it cannot be read", stream, exc_info=True)
            return None

    def due(self, count: int) -> bool:
        """Tell whether *count* events behind the last snapshot are enough for a new one."""
        return count >= self._policy.every

    async def keep(self, state: State, last: RecordedEvent, types: frozenset[str]) -> None:
        """Save a snapshot of *state*, made of events of *types* the last of which was *last*.

        A snapshot that cannot be saved is logged: it costs time later, never the command now.
        """
        try:
            await self._policy.store.save(self._codec.snapshot(state, last, types))
        except Exception:  # noqa: BLE001 - the events are stored; nothing may fail now
            _log.warning("no snapshot of %r was saved", last.stream, exc_info=True)
