"""Streams and event types as JSON, as plain rows and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import envelope, json_line, timestamp
from backstory.cli.screen import console, is_terminal, write_bytes, write_row
from backstory.core.retaining import TOMBSTONE_REVISION
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.listing import StreamEnds
    from backstory.explore.types import TypeRow


class StreamLine(msgspec.Struct, frozen=True):
    """What `streams --json` writes for each stream, in this order."""

    stream: str
    first_revision: int
    revision: int
    position: int
    recorded_at: str
    ended: bool


class TypeLine(msgspec.Struct, frozen=True):
    """What `types --json` writes for each type, in this order."""

    type: str
    first_position: int
    first_recorded_at: str
    last_position: int
    last_recorded_at: str
    newest: msgspec.Raw


def stream_lines(streams: Iterable[StreamEnds], *, json: bool) -> None:
    """Write *streams*, the way stdout wants them."""
    lines = [
        StreamLine(
            each.stream, each.first_revision, each.revision, each.position,
            timestamp(each.recorded_at), each.revision == TOMBSTONE_REVISION,
        )
        for each in streams
    ]  # fmt: skip
    rows = [
        (line.stream, "ended" if line.ended else line.revision, line.position, line.recorded_at)
        for line in lines
    ]
    _write(lines, ("stream", "revision", "position", "recorded at"), rows, json=json)


def type_lines(types: Iterable[TypeRow], *, json: bool) -> None:
    """Write *types*, the way stdout wants them."""
    lines = [
        TypeLine(
            each.name, each.first.position, timestamp(each.first.recorded_at),
            each.newest.position, timestamp(each.newest.recorded_at),
            msgspec.Raw(envelope(each.newest)),
        )
        for each in types
    ]  # fmt: skip
    rows = [
        (line.type, line.first_position, line.last_position, line.last_recorded_at)
        for line in lines
    ]
    _write(lines, ("type", "first position", "last position", "last recorded at"), rows, json=json)


def _write(
    lines: Sequence[msgspec.Struct],
    titles: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    json: bool,
) -> None:
    if json:
        write_bytes(map(json_line, lines))
    elif not is_terminal():
        for row in rows:
            write_row(*row)
    elif rows:
        _print(titles, rows)


def _print(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for title, value in zip(titles, rows[0], strict=True):
        table.add_column(title, justify="right" if isinstance(value, int) else "left")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else visible(str(v)) for v in row))
    console().print(table)
