"""The result as a picture: for each workload a bar per contestant, as a share of the fastest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report import Result, short
from bench.run import Entry
from bench.verdicts import Spread
from bench.workloads import OURS, OURS_ON_POSTGRES, Workload

_COLOURS: Final = {
    OURS: "#0f766e",
    OURS_ON_POSTGRES: "#0f766e",
    "backstory-1-process": "#5eaaa3",
    "backstory-crud": "#5eaaa3",
    "apsw": "#64748b",
    "disk": "#cbd5e1",
}
_PEER: Final = "#f59e0b"
_COLUMNS: Final = 3
_LINES: Final = 5
_SIZE: Final = (4.6, 1.9)


def draw(result: Result, path: Path) -> None:
    """Write the picture of *result* to *path*, as SVG or PNG by its suffix."""
    mpl.rcParams["svg.hashsalt"] = "backstory"  # the same figures give the same file
    workloads = result.workloads
    rows = -(-len(workloads) // _COLUMNS)
    figure = Figure(figsize=(_SIZE[0] * _COLUMNS, _SIZE[1] * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False)
    places: list[Axes] = list(grid.flat)
    for axes, workload in zip(places, workloads, strict=False):
        entries = [
            entry for entry in result.entries if entry.workload == workload.name and entry.outcomes
        ]
        _bars(axes, workload, entries)
    for axes in places[len(workloads) :]:
        axes.set_axis_off()
    about = f"{result.scale}, median and extremes of {result.rounds} rounds"
    figure.suptitle(f"Backstory beside the raw limits and the peers ({about})", fontsize=10)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bars(axes: Axes, workload: Workload, entries: Sequence[Entry]) -> None:
    axes.set_title(f"{workload.name}: {workload.title}", fontsize=7.5, loc="left", wrap=True)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=7, length=0)
    axes.set_ylim(max(_LINES, len(entries)) - 0.5, -0.5)  # bars of the same height everywhere
    for entry in entries:
        found = Spread.of(entry.samples(workload.figure))
        if found is None:
            continue
        axes.barh(entry.contestant, found.median, color=_COLOURS.get(entry.contestant, _PEER))
        axes.plot([found.least, found.most], [entry.contestant] * 2, color="#1e293b", linewidth=1)
        place = (found.most, entry.contestant)
        axes.annotate(f" {short(found.median)} {workload.unit}", place, fontsize=7, va="center")
    axes.margins(x=0.35)
