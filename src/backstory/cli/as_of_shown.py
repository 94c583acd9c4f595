"""What a replay came to: projections, tables and rows, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row
from backstory.cli.values import json_of, raw
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.timemachine.asof import AsOf, Stand
    from backstory.timemachine.looking import Rows


class StandLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `as-of --json` writes of each projection, in this order."""

    projection: str
    position: int
    parked: int
    failure: str | None
    snapshot: int | None


class CountLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `as-of --json` writes of each table, in this order."""

    table: str
    rows: int


class RowLine(msgspec.Struct, frozen=True, kw_only=True):
    """What `as-of --json` writes of each row: its table (none: of a query) and its values."""

    table: str | None
    row: dict[str, msgspec.Raw]


def say_stands(done: AsOf) -> None:
    """Say what a replay began with, and which projections did not come to its end."""
    if done.snapshot is not None:
        say(f"began with the snapshot at position {done.snapshot}")
    for name, reason in done.anew.items():
        say(f"{name} began with the first event, not the snapshot: {reason}", style="yellow")
    for stand in done.stands:
        say_stand(stand, done.position)


def say_stand(stand: Stand, until: int) -> None:
    """Say that a projection stopped, lagged, or has parked events."""
    if stand.failure is not None:
        say(f"{stand.projection} stopped: {stand.failure}", style="bold red")
    elif stand.position < until:
        say(f"{stand.projection} lags: it had come to position {stand.position}", style="yellow")
    if stand.parked:
        say(f"{stand.projection} has parked {counted(stand.parked, 'event')}", style="yellow")


def write_stands(done: AsOf, *, json: bool) -> None:
    """Write how each projection stands, for programs."""
    if not json:
        return
    for stand in done.stands:
        line = StandLine(
            projection=stand.projection,
            position=stand.position,
            parked=stand.parked,
            failure=None if stand.failure is None else str(stand.failure),
            snapshot=None if stand.projection in done.anew else done.snapshot,
        )
        write_bytes([json_line(line)])


def write_counts(counts: Mapping[str, int], *, json: bool) -> None:
    """Write how many rows each table has."""
    if json:
        write_bytes(json_line(CountLine(table=name, rows=rows)) for name, rows in counts.items())
    elif is_terminal():
        from rich.table import Column, Table

        rows_column = Column("rows", justify="right")
        table = Table("table", rows_column, box=None, header_style="bold", pad_edge=False)
        for name, rows in counts.items():
            table.add_row(visible(name), f"{rows:,}")
        console().print(table)
    else:
        for name, rows in counts.items():
            write_row(name, rows)


def write_rows(table: str | None, rows: Rows, *, json: bool) -> None:
    """Write *rows*: of *table*, or of a query."""
    if json:
        lines = (
            RowLine(table=table, row=dict(zip(rows.columns, map(raw, row), strict=True)))
            for row in rows.rows
        )
        write_bytes(map(json_line, lines))
    elif is_terminal():
        _write_table(table, rows)
    else:
        for row in rows.rows:
            write_row(*map(cell, row))
    if rows.more:
        say(f"only the first {counted(len(rows.rows), 'row')} are shown; --limit shows more")


def _write_table(title: str | None, rows: Rows) -> None:
    from rich.table import Table

    table = Table(
        *map(visible, rows.columns), title=title, title_justify="left", header_style="bold"
    )
    for row in rows.rows:
        table.add_row(*(visible(cell(value)) for value in row))
    console().print(table)


def cell(value: object) -> str:
    """Return *value* as it stands in a column: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json_of(value).decode().strip('"')
