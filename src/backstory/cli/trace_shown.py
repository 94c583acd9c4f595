"""A trace as JSON lines, as plain rows, and as a tree for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import envelope, json_line, timestamp
from backstory.cli.screen import console, is_terminal, write_bytes, write_row
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from backstory.explore.trace import Trace, TraceNode


class TraceLine(msgspec.Struct, frozen=True):
    """What `trace --json` writes for each event, in this order."""

    depth: int
    delay_us: int | None
    missing_cause: str | None
    cycle: bool
    event: msgspec.Raw


def write_trace(found: Trace, *, json: bool) -> None:
    """Write *found*, the way stdout wants it: causes before their effects."""
    if json:
        write_bytes([json_line(_line(node)) for node in found.nodes])
    elif is_terminal():
        for node in found.nodes:
            _print(node)
    else:
        for node in found.nodes:
            event = node.event
            delay = "" if node.delay_us is None else node.delay_us
            place = (event.position, timestamp(event.recorded_at), event.stream, event.revision)
            write_row(node.depth, *place, event.type, delay)


def _line(node: TraceNode) -> TraceLine:
    raw = msgspec.Raw(envelope(node.event))
    return TraceLine(node.depth, node.delay_us, node.missing, node.cycle, raw)


def _print(node: TraceNode) -> None:
    from rich.text import Text

    event = node.event
    line = Text()
    line.append("   " * node.depth + ("└─ " if node.depth else ""), "dim")
    line.append(visible(event.type), "green")
    line.append(f"  {visible(event.stream)}", "cyan")
    line.append(f"  {event.revision} at {event.position:,}", "dim")
    if node.delay_us is not None:
        line.append(f"  +{node.delay_us / 1000:,.1f} ms", "bold")
    else:
        line.append(f"  {timestamp(event.recorded_at)}", "dim")
    if node.cycle:
        line.append("  (is its own cause)", "yellow")
    elif node.missing is not None:
        line.append(f"  (its cause {visible(node.missing)} is not here)", "yellow")
    console().print(line)
