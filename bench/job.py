"""What one measuring process is asked, and what it answers; both travel as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """How long and how much is measured.

    `seconds` is the length of a timed stretch and `warm_up` of the untimed one before it. The rest
    are sizes: events to replay, to project, to project for a peer that does one transaction per
    event, and samples of a latency.
    """

    name: str
    seconds: float
    warm_up: float
    replayed: int
    projected: int
    projected_singly: int
    latencies: int


SCALES: Final = {
    "quick": Scale("quick", 0.8, 0.25, 100_000, 50_000, 4_000, 150),
    "full": Scale("full", 3.0, 0.5, 1_000_000, 200_000, 100_000, 500),
}


class Job(msgspec.Struct, frozen=True):
    """One contestant at one workload, or at filling a data set that a workload reads.

    `folder` is for files that live as long as the job, `data` for those that last the whole run,
    `cache` for those that last longer.
    """

    contestant: str
    task: str
    scale: Scale
    folder: Path
    data: Path
    cache: Path
    prepares: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What was measured, by name: `rate` (per second), `p50_ms`, `peak_mib` and so on."""

    figures: dict[str, float]


def to_json(job: Job) -> str:
    """Return *job* as text for a command line."""
    return msgspec.json.encode(job, enc_hook=str).decode()


def from_json(text: str) -> Job:
    """Return the job that *text* holds."""
    return msgspec.json.decode(text, type=Job, dec_hook=lambda kind, value: kind(value))
