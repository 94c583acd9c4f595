"""Running jobs: each in a process of its own, contestants side by side within each round."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.contestants import CONTESTANTS, Contestant
from bench.databases import drop_in
from bench.job import Job, Outcome, Scale, to_json
from bench.place import POSTGRES
from bench.workloads import Workload

ROOT: Final = Path(__file__).parents[1]
_PATIENCE: Final = 300.0
_GRACE: Final = 20.0

Say = Callable[[str], None]


class Entry(msgspec.Struct):
    """What came of one contestant at one workload: an outcome per round, or why there is none."""

    workload: str
    contestant: str
    durability: str
    outcomes: list[Outcome] = []
    skipped: str | None = None

    def samples(self, figure: str) -> list[float]:
        """Return *figure* of every round."""
        return [outcome.figures[figure] for outcome in self.outcomes if figure in outcome.figures]


class JobFailed(Exception):
    """A measuring process did not answer; says what it said instead."""


class Run:
    """One run of the benchmark over some workloads and contestants."""

    def __init__(self, scale: Scale, *, data: Path, cache: Path, say: Say) -> None:
        """Measure at *scale*, with files in *data* and longer-lived ones in *cache*."""
        self._scale = scale
        self._data = data
        self._cache = cache
        self._say = say
        self._prepared: set[tuple[str, str]] = set()

    def measure(
        self, workloads: Sequence[Workload], contestants: Sequence[Contestant], *, rounds: int
    ) -> list[Entry]:
        """Return an entry for each contestant that plays a workload or sits it out for a reason."""
        entries = [
            Entry(workload.name, contestant.name, contestant.plays.get(workload.name, ""))
            for workload in workloads
            for contestant in contestants
            if workload.name in contestant.plays or workload.name in contestant.sits_out
        ]
        for entry in entries:
            contestant = CONTESTANTS[entry.contestant]
            entry.skipped = contestant.missing or contestant.sits_out.get(entry.workload)
        for number in range(rounds):
            for workload in workloads:
                self._say(f"round {number + 1} of {rounds}: {workload.name}, {workload.title}")
                together = [
                    entry
                    for entry in entries
                    if entry.workload == workload.name and entry.skipped is None
                ]
                # Whoever goes first finds the machine as the last workload left it: take turns.
                turn = number % max(1, len(together))
                for entry in together[turn:] + together[:turn]:
                    self._take(workload, entry)
        return entries

    def _take(self, workload: Workload, entry: Entry) -> None:
        try:
            self._prepare(workload, entry.contestant)
            outcome = self._do(entry.contestant, workload.task, dataset=workload.dataset)
        except JobFailed as failure:
            entry.skipped = f"failed: {failure}"
            entry.outcomes = []
            self._say(f"  {entry.contestant}: {entry.skipped}")
            return
        entry.outcomes.append(outcome)
        figure = outcome.figures[workload.figure]
        self._say(f"  {entry.contestant}: {figure:,.4g} {workload.unit}")

    def _prepare(self, workload: Workload, contestant: str) -> None:
        """Fill the data set of *workload*, once per run."""
        dataset = workload.dataset
        if dataset is None or (contestant, dataset) in self._prepared:
            return
        self._do(contestant, dataset, dataset=dataset, prepares=True)
        self._prepared.add((contestant, dataset))

    def _do(
        self, contestant: str, task: str, *, dataset: str | None, prepares: bool = False
    ) -> Outcome:
        folder = self._data / "job"
        data = self._data / contestant / (dataset or "none")
        for path in (folder, data, self._cache):
            path.mkdir(parents=True, exist_ok=True)
        job = Job(contestant, task, self._scale, folder, data, self._cache, prepares)
        try:
            return _in_process(job)
        finally:
            if CONTESTANTS[contestant].place == POSTGRES:
                drop_in(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _in_process(job: Job) -> Outcome:
    command = [sys.executable, "-m", "bench.child", to_json(job)]
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=_PATIENCE)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"no answer within {_PATIENCE:g} s"
                raise JobFailed(message) from None
            raise
    if process.returncode != 0:
        raise JobFailed(_last_line(err) or f"exit code {process.returncode}")
    return msgspec.json.decode(out.splitlines()[-1], type=Outcome)


def _end(process: subprocess.Popen[str]) -> None:
    """End *process* and what it started: kindly first, so that it can stop its servers."""
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
