"""Parked events as JSON, as plain rows, as a table, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from backstory.cli.envelope import envelope, json_line, timestamp
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.core.events import RecordedEvent
    from backstory.projections.parked import Retried
    from backstory.projections.parked_table import ParkedEvent

_SHOWN: Final = ("projection", "position", "stream", "revision", "type", "attempts")


class ParkedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `parked list --json` and `parked show --json` write, in this order."""

    projection: str
    partition: int
    position: int
    event_id: str
    stream: str
    revision: int
    type: str
    error: str
    traceback: str
    attempts: int
    parked_at: str
    event: msgspec.Raw | None = None


class RetriedLine(msgspec.Struct, frozen=True):
    """What `parked retry --json` writes for each projection."""

    projection: str
    applied: int
    left: int


class PurgedLine(msgspec.Struct, frozen=True):
    """What `parked purge --json` writes."""

    projection: str
    purged: int


def write_lines(
    found: Sequence[ParkedEvent], *, json: bool, event: RecordedEvent | None = None
) -> None:
    """Write one line for each parked event, as JSON with all there is to it."""
    for parked in found:
        if json:
            write_bytes([json_line(_line(parked, event))])
        else:
            write_row(*(getattr(parked, name) for name in _SHOWN), parked.error)


def _line(parked: ParkedEvent, event: RecordedEvent | None) -> ParkedLine:
    fields = msgspec.structs.asdict(parked) | {"parked_at": timestamp(parked.parked_at)}
    return ParkedLine(**fields, event=None if event is None else msgspec.Raw(envelope(event)))


def print_table(found: Sequence[ParkedEvent]) -> None:
    """Print the parked events as a table for a person."""
    from rich.table import Table

    table = Table(*_SHOWN, "error", box=None, header_style="bold")
    for parked in found:
        row = (getattr(parked, name) for name in _SHOWN)
        table.add_row(*(visible(str(field)) for field in row), visible(parked.error))
    console().print(table)


def print_event(parked: ParkedEvent, event: RecordedEvent | None) -> None:
    """Print all there is to one parked event for a person."""
    fields = msgspec.structs.asdict(parked) | {"parked_at": timestamp(parked.parked_at)}
    trace = str(fields.pop("traceback"))
    for name, value in fields.items():
        write_row(f"{name}:", value)
    if event is not None:
        write_bytes([b"event:\t" + envelope(event)])
    write_bytes([b"", *(visible(line).encode("utf-8", "replace") for line in trace.splitlines())])


def write_retried(projection: str, retried: Retried, *, json: bool) -> None:
    """Write what a retry came to."""
    line = RetriedLine(projection, retried.applied, retried.left)
    if json:
        write_bytes([json_line(line)])
    elif is_terminal():
        say(f"{projection}: {counted(line.applied, 'event')} applied, {line.left:,} still parked")
    else:
        write_row(projection, line.applied, line.left)


def write_purged(projection: str, purged: int, *, json: bool) -> None:
    """Write how many parked events were let go."""
    if json:
        write_bytes([json_line(PurgedLine(projection, purged))])
    elif is_terminal():
        say(f"{projection}: {counted(purged, 'parked event')} purged")
    else:
        write_row(projection, purged)
