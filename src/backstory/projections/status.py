"""How workers stand: plain values, made without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstory.projections.subscription import State

_WORST_FIRST = (
    State.CLOSED,
    State.RECONNECTING,
    State.CATCHING_UP,
    State.LAGGING,
    State.LIVE,
)


class PartitionStatus(msgspec.Struct, frozen=True):
    """How the worker of one partition stands.

    `lag` is how many positions of the log it has still to cover, as far as it knows; `lag_seconds`
    the age of the oldest event it has still to apply, 0 when there is none and None while it is not
    known. `token` is that of the lease, None where there are no leases. `failure` says why it
    stopped, None when it did not fail.
    """

    partition: int
    state: State
    position: int
    head: int
    lag: int
    lag_seconds: float | None
    parked: int
    failure: str | None
    token: int | None = None


class Status(msgspec.Struct, frozen=True):
    """How the workers of a projection stand: what they do, what is applied, and what is not.

    `position` is what all `partitions` have applied, `lag` and `lag_seconds` are those of the one
    that is furthest behind, `state` is that of the one that is furthest from being live, `parked`
    counts the events of all. `failure` says why one stopped, None when none did.
    """

    projection: str
    state: State
    position: int
    head: int
    lag: int
    parked: int
    failure: str | None
    lag_seconds: float | None
    partitions: tuple[PartitionStatus, ...]


def status_of(projection: str, partitions: Sequence[PartitionStatus]) -> Status:
    """Return the *partitions* of *projection*, in one; there may be none here."""
    states = [part.state for part in partitions]
    position = min((part.position for part in partitions), default=0)
    head = max((part.head for part in partitions), default=0)
    seconds = [part.lag_seconds for part in partitions]
    known = [value for value in seconds if value is not None]
    return Status(
        projection=projection,
        state=min(states, key=_WORST_FIRST.index, default=State.CLOSED),
        position=position,
        head=head,
        lag=max((part.lag for part in partitions), default=0),
        parked=sum(part.parked for part in partitions),
        failure=next((part.failure for part in partitions if part.failure), None),
        lag_seconds=max(known, default=0.0) if len(known) == len(seconds) else None,
        partitions=tuple(partitions),
    )
