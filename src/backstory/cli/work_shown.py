"""How the workers of a process stand: a table that lives on a terminal, lines elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from backstory.cli.envelope import json_line, timestamp
from backstory.cli.screen import console, is_terminal, say, write_bytes, write_row
from backstory.core.clock import system_clock
from backstory.explore.visible import visible

if TYPE_CHECKING:
    from rich.table import Table

    from backstory.projections.changes import Change
    from backstory.projections.status import PartitionStatus
    from backstory.projections.workers import Workers

_FRAMES: Final = 4
"""Drawings of the table in a second."""


class ChangeLine(msgspec.Struct, frozen=True):
    """What `work --json` writes when something happens to a partition, in this order."""

    at: str
    projection: str
    partition: int
    what: str
    reason: str | None


class PartitionLine(msgspec.Struct, frozen=True):
    """What `work --json` writes now and then of each partition that is held, in this order."""

    at: str
    projection: str
    partition: int
    state: str
    position: int
    head: int
    lag: int
    lag_seconds: float | None
    parked: int
    failure: str | None
    token: int | None


class Show(Protocol):
    """Shows how workers stand, for as long as they run."""

    def hear(self, change: Change) -> None:
        """Take notice of what happened to a partition."""
        ...

    async def follow(self, workers: Workers) -> None:
        """Show how *workers* stand until cancelled."""
        ...


def shown(*, json: bool, every: float) -> Show:
    """Return what shows workers here: JSON, plain lines, or a table where a person looks."""
    if json or not is_terminal():
        return _Lines(json=json, every=every)
    return _Screen()


class _Lines:
    def __init__(self, *, json: bool, every: float) -> None:
        self._json = json
        self._every = every

    def hear(self, change: Change) -> None:
        line = ChangeLine(
            timestamp(system_clock()),
            change.projection,
            change.partition,
            change.what,
            change.reason,
        )
        self._write("change", line)

    async def follow(self, workers: Workers) -> None:
        while True:
            await asyncio.sleep(self._every)
            now = timestamp(system_clock())
            for projection, status in _held(workers):
                self._write("partition", _line(now, projection, status))

    def _write(self, kind: str, line: ChangeLine | PartitionLine) -> None:
        if self._json:
            write_bytes([json_line({kind: line})])
        else:
            fields = msgspec.structs.astuple(line)
            write_row(kind, *("-" if field is None else field for field in fields))


class _Screen:
    def hear(self, change: Change) -> None:
        if change.reason is not None:
            say(f"{change.projection}/{change.partition} {change.what}: {change.reason}")

    async def follow(self, workers: Workers) -> None:
        from rich.live import Live

        with Live(_table(workers), console=console(), auto_refresh=False) as live:
            with suppress(asyncio.CancelledError):
                while True:
                    await asyncio.sleep(1 / _FRAMES)
                    live.update(_table(workers), refresh=True)
            live.update(_table(workers), refresh=True)


def _held(workers: Workers) -> Iterator[tuple[str, PartitionStatus]]:
    for status in workers.status:
        for partition in status.partitions:
            yield status.projection, partition


def _line(now: str, projection: str, status: PartitionStatus) -> PartitionLine:
    return PartitionLine(
        now,
        projection,
        status.partition,
        status.state.value,
        status.position,
        status.head,
        status.lag,
        status.lag_seconds,
        status.parked,
        status.failure,
        status.token,
    )


def _table(workers: Workers) -> Table:
    from rich.table import Table

    table = Table("partition", "where", "state", box=None, header_style="bold")
    for title in ("position", "lag", "seconds", "parked"):
        table.add_column(title, justify="right")
    for projection, status in _held(workers):
        failed = status.failure is not None
        table.add_row(
            visible(f"{projection}/{status.partition}"),
            "here",
            "failed" if failed else status.state.value,
            f"{status.position:,}",
            f"{status.lag:,}",
            "?" if status.lag_seconds is None else f"{status.lag_seconds:,.1f}",
            f"{status.parked:,}",
            style="bold red" if failed else None,
        )
    for partition, owner in sorted(workers.elsewhere.items()):
        table.add_row(visible(str(partition)), visible(owner), style="dim")
    for whole in workers.status:
        if whole.failure is not None and not whole.partitions:
            table.add_row(visible(whole.projection), "nowhere", "failed", style="bold red")
    return table
