"""Measuring: laps for a single writer or reader, tallies for many at once, peak memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.job import Outcome, Scale

_MIB = 1024 * 1024


class Tally:
    """Counts what one of many concurrent workers completes within the timed stretch."""

    def __init__(self, start: float, end: float) -> None:
        """Count from *start* to *end*."""
        self._start = start
        self._end = end
        self.count = 0

    def add(self, completed: int) -> bool:
        """Count what was just completed; return whether to go on."""
        now = time.perf_counter()
        if now >= self._end:
            return False
        if now >= self._start:
            self.count += completed
        return True


class Meter:
    """Takes the figures of one job."""

    def __init__(self, scale: Scale) -> None:
        """Measure as long as *scale* says."""
        self._scale = scale
        self._figures: dict[str, float] = {}
        self._tallies: list[Tally] = []
        self._window: tuple[float, float] | None = None

    def laps(self, each: int) -> Iterator[int]:
        """Yield 0, 1, 2 … until the time is up; every lap completes *each* events.

        Laps of the warm-up are not timed; the stretch ends with the lap under way.
        """
        number = 0
        warm = time.perf_counter() + self._scale.warm_up
        while number == 0 or time.perf_counter() < warm:
            yield number
            number += 1
        laps = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        while laps == 0 or now - start < self._scale.seconds:
            yield number
            number += 1
            laps += 1
            now = time.perf_counter()
        self.note_rate(laps * each, now - start, time.process_time() - cpu)

    def tally(self) -> Tally:
        """Return a tally for one of many workers; all share one stretch, begun by the first."""
        if self._window is None:
            start = time.perf_counter() + self._scale.warm_up
            self._window = start, start + self._scale.seconds
        tally = Tally(*self._window)
        self._tallies.append(tally)
        return tally

    @contextmanager
    def timed(self, events: int) -> Iterator[None]:
        """Time the block, which completes *events*, and how much the process grows in it."""
        before = _resident_mib()
        cpu = time.process_time()
        start = time.perf_counter()
        yield
        self.note_rate(events, time.perf_counter() - start, time.process_time() - cpu)
        self._figures["growth_mib"] = _resident_mib() - before

    def note_rate(self, completed: int, seconds: float, cpu: float) -> None:
        """Note that *completed* took *seconds*, of which this process worked *cpu*."""
        self._figures["rate"] = completed / seconds
        self._figures["cpu_share"] = cpu / seconds

    def note(self, figure: str, value: float) -> None:
        """Note a figure that was found in another way."""
        self._figures[figure] = value

    def note_latencies(self, seconds: Sequence[float]) -> None:
        """Note the median and the 99th percentile of *seconds*."""
        ordered = sorted(seconds)
        self._figures["p50_ms"] = ordered[len(ordered) // 2] * 1000
        self._figures["p99_ms"] = ordered[int(len(ordered) * 0.99)] * 1000

    def outcome(self) -> Outcome:
        """Return all figures, the peak memory of this process among them."""
        if self._tallies:
            total = sum(tally.count for tally in self._tallies)
            self._figures["rate"] = total / self._scale.seconds
        assert self._figures, "nothing was measured"
        return Outcome({"peak_mib": peak_mib(os.getpid()), **self._figures})


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / _MIB


def peak_mib(pid: int) -> float:
    """Return the most memory the process *pid* had; what it has now where nobody keeps the peak."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        # getrusage would also show what the parent had when it started the process.
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss) / _MIB
