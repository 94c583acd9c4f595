"""The disk alone: what a durable write costs before any database comes in."""

from __future__ import annotations

import os

from bench.job import Job
from bench.meter import Meter

_PAGE = b"\0" * 4096


def append_one(job: Job, meter: Meter) -> None:
    """Append 4 KiB and sync, again and again."""
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync
    file = os.open(job.folder / "file", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in meter.laps(1):
            os.write(file, _PAGE)
            sync(file)
    finally:
        os.close(file)


MEASURES = {"append_one": append_one}
PREPARES: dict[str, object] = {}
