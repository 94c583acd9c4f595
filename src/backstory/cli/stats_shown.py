"""The numbers of a store as JSON, as plain rows and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import json_line, timestamp
from backstory.cli.screen import console
from backstory.explore.counting import Counts, NameCount
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.explore.stats import Stats

_MOST_ROWS = 20
"""Names a table on a terminal shows; JSON and pipes get all that were counted."""


class StatsLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `stats --json` writes, in this order."""

    head: int
    first_recorded_at: str | None
    last_recorded_at: str | None
    complete: bool
    counted_to: int
    events: int
    streams: int
    payload_bytes: int
    categories: tuple[NameCount, ...]
    other_categories: int
    types: tuple[NameCount, ...]
    other_types: int


def as_json(stats: Stats) -> bytes:
    """Return *stats* as one line of JSON."""
    return json_line(
        StatsLine(
            head=stats.head,
            first_recorded_at=_time(stats.first_recorded_at),
            last_recorded_at=_time(stats.last_recorded_at),
            complete=stats.complete,
            counted_to=stats.counted_to,
            events=stats.events,
            streams=stats.streams,
            payload_bytes=stats.payload_bytes,
            categories=stats.categories.named,
            other_categories=stats.categories.others,
            types=stats.types.named,
            other_types=stats.types.others,
        )
    )


def as_rows(stats: Stats) -> Iterator[tuple[object, ...]]:
    """Yield what is known of the store, then each category and type with its events."""
    yield from _facts(stats)
    for what, counts in (("category", stats.categories), ("type", stats.types)):
        for count in counts.named:
            yield what, count.name, count.events
        if counts.others:
            yield f"other {what}", "", counts.others


def print_tables(stats: Stats) -> None:
    """Print *stats* as tables for a person."""
    from rich.table import Table

    screen = console()
    facts = Table(show_header=False, box=None)
    for name, value in _facts(stats):
        facts.add_row(name, f"{value:,}" if isinstance(value, int) else value, style=None)
    screen.print(facts)
    for title, counts in (("category", stats.categories), ("type", stats.types)):
        if counts.named:
            screen.print()
            screen.print(_table(title, counts))


def _table(title: str, counts: Counts) -> object:
    from rich.table import Table

    table = Table(title, box=None, header_style="bold")
    table.add_column("events", justify="right")
    for count in counts.named[:_MOST_ROWS]:
        table.add_row(visible(count.name), f"{count.events:,}")
    hidden = sum(count.events for count in counts.named[_MOST_ROWS:]) + counts.others
    if hidden:
        table.add_row("(others)", f"{hidden:,}", style="dim")
    return table


def _facts(stats: Stats) -> Iterator[tuple[str, int | str]]:
    yield "head", stats.head
    yield "events", stats.events
    yield "streams", stats.streams
    yield "payload bytes", stats.payload_bytes
    yield "first recorded at", _time(stats.first_recorded_at) or "-"
    yield "last recorded at", _time(stats.last_recorded_at) or "-"
    yield "counted to", stats.counted_to


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
