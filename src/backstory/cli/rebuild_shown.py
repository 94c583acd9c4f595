"""How a rebuild gets on and what came of it: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from backstory.cli.envelope import json_line
from backstory.cli.screen import console, counted, is_terminal, say, write_bytes, write_row

if TYPE_CHECKING:
    from backstory.projections.rebuilding.comparing import TableDifference
    from backstory.projections.rebuilding.rebuild import RebuildProgress, Rebuilt, Tell


class ProgressLine(msgspec.Struct, frozen=True):
    """What `rebuild --json` writes now and then, in this order."""

    projection: str
    phase: str
    position: int
    target: int
    percent: float
    events_per_second: float | None
    seconds_left: float | None


class TableLine(msgspec.Struct, frozen=True):
    """What `rebuild --json` writes of each table that was compared, in this order."""

    projection: str
    table: str
    same: bool
    live: int
    rebuilt: int
    renumbered: int
    only_live: list[dict[str, str | int | float | bool | None]]
    only_rebuilt: list[dict[str, str | int | float | bool | None]]


class RebuiltLine(msgspec.Struct, frozen=True):
    """What `rebuild --json` writes of each projection in the end, in this order."""

    projection: str
    swapped: bool
    same: bool
    not_compared: str | None
    began: int
    position: int
    seconds: float
    locked_seconds: float
    kept: str | None


def progress_line(projection: str, progress: RebuildProgress) -> ProgressLine:
    """Return how far it is, how fast it was since it began, and how long that would take."""
    done = progress.position - progress.began
    left = progress.target - progress.position
    speed = done / progress.seconds if done > 0 and progress.seconds > 0 else None
    return ProgressLine(
        projection=projection,
        phase=progress.phase.value,
        position=progress.position,
        target=progress.target,
        percent=round(100 * progress.position / progress.target, 1) if progress.target else 0.0,
        events_per_second=None if speed is None else round(speed, 1),
        seconds_left=None if speed is None else round(left / speed, 1),
    )


@contextmanager
def showing(projection: str, *, every: float, json: bool) -> Iterator[Tell]:
    """Give what to tell of the progress: JSON, plain lines, or a bar where a person looks."""
    if not json and is_terminal() and sys.stderr.isatty():
        with _bar(projection) as tell:
            yield tell
    else:
        yield _lines(projection, every=every, json=json)


def _lines(projection: str, *, every: float, json: bool) -> Callable[[RebuildProgress], None]:
    begun = last = time.monotonic()

    def tell(progress: RebuildProgress) -> None:
        nonlocal last
        if not progress.target:
            return  # it has not looked yet
        now = time.monotonic()
        if now - last >= every or last == begun:
            last = now
            _write("progress", progress_line(projection, progress), json=json)

    return tell


@contextmanager
def _bar(projection: str) -> Iterator[Tell]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        console=console(stderr=True),
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )
    with bars:
        bar = bars.add_task(projection, total=None, speed="")

        def tell(progress: RebuildProgress) -> None:
            line = progress_line(projection, progress)
            bars.update(
                bar,
                description=f"{projection}: {line.phase}",
                completed=line.position,
                total=line.target,
                speed=_in_words(line),
            )

        yield tell


def _in_words(line: ProgressLine) -> str:
    if line.events_per_second is None or line.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(line.seconds_left), 60)
    return (
        f"{line.percent:.0f} %, {line.events_per_second:,.0f} events/s, {minutes}:{seconds:02} left"
    )


def write_difference(projection: str, table: TableDifference, *, json: bool) -> None:
    """Write how one table compares, with the first rows that only one side has."""
    line = TableLine(
        projection=projection,
        table=table.table,
        same=table.same,
        live=table.live,
        rebuilt=table.rebuilt,
        renumbered=table.renumbered,
        only_live=[_plain(row) for row in table.only_live],
        only_rebuilt=[_plain(row) for row in table.only_rebuilt],
    )
    if json:
        write_bytes([json_line({"table": line})])
        return
    word = "same" if line.same else "differs"
    write_row("table", projection, line.table, word, line.live, line.rebuilt, line.renumbered)
    for kind, rows in (("only-live", line.only_live), ("only-rebuilt", line.only_rebuilt)):
        for row in rows:
            write_row(kind, projection, line.table, msgspec.json.encode(row).decode())


def _plain(row: Mapping[str, object]) -> dict[str, str | int | float | bool | None]:
    return {
        name: value if isinstance(value, str | int | float | bool | None) else str(value)
        for name, value in row.items()
    }


def write_rebuilt(done: Rebuilt, *, json: bool) -> None:
    """Write what came of it."""
    line = RebuiltLine(
        projection=done.projection,
        swapped=done.swapped,
        same=done.comparison.same,
        not_compared=done.comparison.reason,
        began=done.began,
        position=done.position,
        seconds=round(done.seconds, 3),
        locked_seconds=round(done.locked, 3),
        kept=done.kept,
    )
    if json:
        write_bytes([json_line({"rebuilt": line})])
        return
    if not is_terminal():
        _write("rebuilt", line, json=False)
    _say(line)


def _say(line: RebuiltLine) -> None:
    if line.began:
        say(f"{line.projection}: went on at position {line.began:,}, where it had been interrupted")
    compared = "the same as before" if line.same else "not the same as before"
    if line.not_compared:
        compared = f"not compared: {line.not_compared}"
    events = counted(line.position - line.began, "event")
    say(f"{line.projection}: {events} in {line.seconds:,.1f} s; {compared}")
    if line.swapped:
        say(
            f"{line.projection}: swapped; its workers waited {line.locked_seconds:,.2f} s, "
            "readers did not",
            style="green",
        )
    if line.kept:
        say(f"{line.projection}: the old tables are in {line.kept}")


def _write(kind: str, line: ProgressLine | RebuiltLine, *, json: bool) -> None:
    if json:
        write_bytes([json_line({kind: line})])
    else:
        fields = msgspec.structs.astuple(line)
        write_row(kind, *("-" if field is None else field for field in fields))
