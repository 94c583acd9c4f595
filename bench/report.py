"""The result as JSON and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table as RichTable

from bench.run import Entry
from bench.verdicts import Spread, Verdict, ratio_to_ours, table_of, verdicts
from bench.workloads import BESIDE_POSTGRES, OURS, OURS_ON_POSTGRES, UNITS, WORKLOADS, Workload

_WIDTH: Final = 160
_COLUMNS: Final = (
    ("", 20, False),
    ("median", 24, True),
    ("min - max", 22, True),
    ("ours is", 8, True),
    ("min - max", 16, True),
    ("MiB", 5, True),
    ("  durable by", 56, False),
)


class Result(msgspec.Struct, frozen=True):
    """All of one run: a documented contract; new fields may appear, ignore unknown ones."""

    measured_at: str
    scale: str
    rounds: int
    machine: Mapping[str, str]
    load: Mapping[str, float]
    entries: Sequence[Entry]

    @property
    def workloads(self) -> list[Workload]:
        """Return the workloads of the run in order."""
        return [WORKLOADS[name] for name in dict.fromkeys(entry.workload for entry in self.entries)]

    @property
    def verdicts(self) -> list[Verdict]:
        """Return how the targets came out."""
        return verdicts(self.workloads, table_of(self.entries))


def write_json(result: Result, path: Path) -> None:
    """Write *result* with the verdicts to *path*."""
    document = {**msgspec.to_builtins(result), "verdicts": msgspec.to_builtins(result.verdicts)}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


def show(result: Result, path: Path) -> None:
    """Print the tables, and write them as text to *path*."""
    console = Console(record=True, width=_WIDTH)
    for workload in result.workloads:
        console.print(_figures(result, workload))
    console.print(_targets(result))
    busy = " → ".join(f"{value:.1f}" for value in result.load.values())
    about = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    console.print(f"{result.scale}, {result.rounds} rounds, load {busy}; {about}", style="dim")
    path.write_text(console.export_text(), encoding="utf-8")


def _figures(result: Result, workload: Workload) -> RichTable:
    title = f"\n{workload.name}: {workload.title}"
    grid = RichTable(title=title, title_justify="left", title_style="bold", box=None)
    for name, width, right in _COLUMNS:
        grid.add_column(
            name, width=width, justify="right" if right else "left", no_wrap=True, style="none"
        )
    table = table_of(result.entries)
    for entry in result.entries:
        if entry.workload == workload.name:
            ours = OURS_ON_POSTGRES if entry.contestant in BESIDE_POSTGRES else OURS
            ratio = ratio_to_ours(table, workload, entry.contestant, ours_is=ours)
            grid.add_row(*_row(workload, entry, ratio))
    return grid


def _row(workload: Workload, entry: Entry, ratio: Spread | None) -> list[str]:
    is_ours = entry.contestant in {OURS, OURS_ON_POSTGRES}
    name = f"[bold cyan]{entry.contestant}[/]" if is_ours else entry.contestant
    found = Spread.of(entry.samples(workload.figure))
    if found is None:
        return [name, "-", "", "", "", "", f"  [dim]{entry.skipped}[/]"]
    peak = Spread.of(entry.samples("peak_mib"))
    unit = workload.unit if workload.figure == "rate" else UNITS[workload.figure]
    return [
        name,
        f"{short(found.median)} {unit}",
        f"({short(found.least)} - {short(found.most)})",
        f"{ratio.median:.2f} ×" if ratio and not is_ours else "",
        f"({ratio.least:.2f} - {ratio.most:.2f})" if ratio and not is_ours else "",
        f"{peak.median:.0f}" if peak else "",
        f"  {entry.durability}",
    ]


def _targets(result: Result) -> RichTable:
    grid = RichTable(title="\nTargets", title_justify="left", box=None)
    for name in ("", "whose", "target", "measured", "", ""):
        grid.add_column(name, no_wrap=True)
    for verdict in result.verdicts:
        measured = verdict.measured
        spread = ("-", "") if measured is None else _spread(measured)
        grid.add_row(verdict.workload, verdict.whose, verdict.target, *spread, _mark(verdict.met))
    return grid


def _spread(found: Spread) -> tuple[str, str]:
    return f"{found.median:.2f}", f"({found.least:.2f} - {found.most:.2f})"


def _mark(met: bool | None) -> str:  # noqa: FBT001 - the three outcomes of a verdict
    if met is None:
        return "[dim]not measured[/]"
    return "[green]met[/]" if met else "[bold red]missed[/]"


def short(value: float) -> str:
    """Return *value* with as many digits as matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"  # noqa: PLR2004 - three digits matter
