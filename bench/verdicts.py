"""From entries to ratios: paired within each round, then the median and the extremes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

from bench.run import Entry
from bench.workloads import OURS, Target, Workload

Table = Mapping[tuple[str, str], Entry]
"""Entries by workload and contestant."""


class Spread(msgspec.Struct, frozen=True):
    """Several samples of one thing."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread | None:
        """Return the spread of *samples*, None without any."""
        return cls(median(samples), min(samples), max(samples)) if samples else None


class Verdict(msgspec.Struct, frozen=True):
    """How one target came out; `met` is None where it could not be measured."""

    workload: str
    whose: str
    target: str
    measured: Spread | None
    met: bool | None


def table_of(entries: Sequence[Entry]) -> Table:
    """Return *entries* by workload and contestant."""
    return {(entry.workload, entry.contestant): entry for entry in entries}


def verdicts(workloads: Sequence[Workload], table: Table) -> list[Verdict]:
    """Return a verdict on every target of *workloads*."""
    return [
        _verdict(workload, target, table) for workload in workloads for target in workload.targets
    ]


def _verdict(workload: Workload, target: Target, table: Table) -> Verdict:
    ours = _samples(table, workload.name, target.whose, target.figure)
    if target.of:
        others = [
            samples
            for name in target.of
            if (samples := _samples(table, workload.name, name, target.figure))
        ]
        # The best of the others, round by round, so that both stood the same noise.
        best = [max(together) for together in zip(*others, strict=False)]
        measured = Spread.of([mine / other for mine, other in zip(ours, best, strict=False)])
    else:
        measured = Spread.of(ours)
    met = None if measured is None else target.is_met_by(measured.median)
    return Verdict(workload.name, target.whose, target.bound, measured, met)


def ratio_to_ours(
    table: Table, workload: Workload, contestant: str, *, ours_is: str = OURS
) -> Spread | None:
    """Return how many times *contestant*'s figure that of *ours_is* is, None without one."""
    ours = _samples(table, workload.name, ours_is, workload.figure)
    other = _samples(table, workload.name, contestant, workload.figure)
    return Spread.of([mine / its for mine, its in zip(ours, other, strict=False)])


def _samples(table: Table, workload: str, contestant: str, figure: str) -> list[float]:
    entry = table.get((workload, contestant))
    return [] if entry is None else entry.samples(figure)
