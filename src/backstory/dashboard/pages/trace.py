"""A correlation as a tree of causes."""

from __future__ import annotations

import msgspec

from backstory.core.errors import InvalidInput
from backstory.dashboard.asking import Ask
from backstory.dashboard.rendering import Frame
from backstory.dashboard.shown import EventRow, row_of
from backstory.explore.budget import DEFAULT_SECONDS, Budget
from backstory.explore.trace import trace as traced

_LONGEST = 5
_MOST = 500


class TraceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the trace, at its depth."""

    event: EventRow
    depth: int
    delay_ms: float | None
    missing_cause: str | None
    cycle: bool


class TracePage(msgspec.Struct, frozen=True, kw_only=True):
    """The trace; not `complete` when the time for looking, or for showing, was not enough."""

    correlation: str
    rows: tuple[TraceRow, ...]
    complete: bool
    longer_href: str | None


async def trace(ask: Ask) -> tuple[TracePage, Frame]:
    """Return the trace of `correlation`; `longer` looks for some seconds."""
    correlation = ask.text("correlation")
    if not correlation:
        message = "name the trace: ?correlation= and the id that its events carry"
        raise InvalidInput(message)
    longer = bool(ask.text("longer"))
    budget = Budget(_LONGEST if longer else DEFAULT_SECONDS)
    found = await traced(ask.store, correlation, budget=budget, most=_MOST)
    page = TracePage(
        correlation=correlation,
        rows=tuple(
            TraceRow(
                event=row_of(node.event, ask.to),
                depth=node.depth,
                delay_ms=None if node.delay_us is None else node.delay_us / 1000,
                missing_cause=node.missing,
                cycle=node.cycle,
            )
            for node in found.nodes
        ),
        complete=found.complete,
        longer_href=None
        if found.complete or longer
        else ask.to.page("/trace", correlation=correlation, longer=1),
    )
    command = ask.command("trace", correlation)
    return page, Frame(title="Trace", here="events", command=command)
