"""A correlation as a tree: what caused what, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from backstory.core.events import RecordedEvent
from backstory.core.store import EventStore
from backstory.explore.budget import Budget
from backstory.explore.event import find_event
from backstory.explore.links import causation_of, correlation_of
from backstory.explore.searching import Search

MOST: Final = 5_000
"""Events of one trace that are shown."""


class TraceNode(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a trace, how deep it stands, and how it came to stand there.

    `delay_us` is the time since its cause, in microseconds (None: its cause is not in the trace).
    `missing` is a cause that the event names and that the trace has not. `cycle` marks an event
    that is, over others, its own cause: the tree is cut there.
    """

    event: RecordedEvent
    depth: int
    delay_us: int | None = None
    missing: str | None = None
    cycle: bool = False


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one correlation, causes before their effects, each at its depth.

    When it is not `complete` there may be more: the budget was used up, or there are more than
    `MOST`.
    """

    correlation: str
    nodes: Sequence[TraceNode]
    complete: bool


async def trace(
    store: EventStore, correlation: str, *, budget: Budget | None = None, most: int = MOST
) -> Trace:
    """Return the tree of the events with the correlation id, looked for from the newest back.

    An event whose own id is the correlation id, which began it all, belongs to it. Raises what the
    store raises.
    """
    began = _bytes_of(correlation)

    def fits(event: RecordedEvent) -> bool:
        return correlation_of(event) == correlation

    search = Search(store, correlation, fits)
    found: list[RecordedEvent] = []
    async for event in search.before(await store.head() + 1, budget or Budget()):
        found.append(event)
        if len(found) >= most:
            search.complete = False
            break
    if began is not None and all(event.id_bytes != began for event in found):
        first = (await find_event(store, correlation, budget)).event
        found += [first] if first is not None else []
    found.sort(key=lambda event: event.position)
    return Trace(correlation=correlation, nodes=tree(found), complete=search.complete)


def tree(events: Iterable[RecordedEvent]) -> Sequence[TraceNode]:
    """Return *events*, given in the order of the log, as a tree by their causes.

    Every event stands in it once. Siblings stand in the order of the log.
    """
    known: dict[str, RecordedEvent] = {}
    for event in events:
        known.setdefault(str(event.id), event)
    effects: dict[str | None, list[RecordedEvent]] = {}
    for event in known.values():
        cause = causation_of(event)
        effects.setdefault(cause if cause in known else None, []).append(event)
    nodes: list[TraceNode] = []
    left = dict.fromkeys(known)
    _grow(effects.get(None, []), known, effects, left, nodes, cycle=False)
    while left:  # what is left causes itself
        first = known[next(iter(left))]
        _grow([first], known, effects, left, nodes, cycle=True)
    return nodes


def _grow(
    roots: Sequence[RecordedEvent],
    known: Mapping[str, RecordedEvent],
    effects: Mapping[str | None, Sequence[RecordedEvent]],
    left: dict[str, None],
    nodes: list[TraceNode],
    *,
    cycle: bool,
) -> None:
    """Append *roots* and all below them; without recursion, for traces may be deep."""
    waiting = [(root, 0) for root in reversed(roots)]
    while waiting:
        event, depth = waiting.pop()
        name = str(event.id)
        if name not in left:
            continue
        del left[name]
        cause = causation_of(event)
        above = known.get(cause) if cause is not None else None
        nodes.append(
            TraceNode(
                event=event,
                depth=depth,
                delay_us=None if above is None else event.recorded_us - above.recorded_us,
                missing=cause if above is None else None,
                cycle=cycle and depth == 0,
            )
        )
        waiting += [(effect, depth + 1) for effect in reversed(effects.get(name, ()))]


def _bytes_of(text: str) -> bytes | None:
    try:
        return UUID(text).bytes
    except ValueError:
        return None
