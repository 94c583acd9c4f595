"""One job in a process of its own: `python -m bench.child JOB`, which prints the outcome."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

import msgspec

from bench import place
from bench.contestants import CONTESTANTS
from bench.job import Job, Outcome, from_json
from bench.meter import Meter

Measure = Callable[[Job, Meter], None]
Prepare = Callable[[Job], None]


def run(job: Job) -> Outcome:
    """Do *job* and return what was measured, nothing for a preparation."""
    contestant = CONTESTANTS[job.contestant]
    place.be_on(contestant.place)
    module = import_module(contestant.module)
    if job.prepares:
        prepares = cast("Mapping[str, Prepare]", module.PREPARES)
        if job.task in prepares:
            prepares[job.task](job)
        return Outcome({})
    measures = cast("Mapping[str, Measure]", module.MEASURES)
    meter = Meter(job.scale)
    measures[job.task](job, meter)
    return meter.outcome()


def main() -> None:
    """Read the job from the command line and print its outcome as the last line."""
    # A job that takes too long is asked to end first, so that it stops the servers it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    job = from_json(sys.argv[1])
    outcome = run(job)
    print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
