"""Where the contestant of this process keeps its data: in files, or on PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_ON: Final = "BENCH_ON"
POSTGRES: Final = "postgresql"


def be_on(place: str) -> None:
    """Keep data on *place* in this process and in those that it starts."""
    os.environ[_ON] = place


def is_postgres() -> bool:
    """Return whether data are on PostgreSQL here."""
    return os.environ.get(_ON) == POSTGRES


def url_of(folder: Path, file: str) -> str:
    """Return the URL of *file* in *folder*, or of the database that belongs to the folder."""
    if not is_postgres():
        return f"sqlite:///{folder / file}"
    from bench.databases import url_in  # noqa: PLC0415 - its driver is for those who are on PostgreSQL

    return url_in(folder)
