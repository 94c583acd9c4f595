"""What is measured: the workloads, and the ratios they must reach."""

from __future__ import annotations

from typing import Final

import msgspec

OURS: Final = "backstory"
OURS_ON_POSTGRES: Final = "backstory-pg"
RAW: Final = ("apsw",)
SQLITE_PEERS: Final = ("eventsourcing",)
PEERS: Final = ("eventsourcing", "umadb")
RAW_ON_POSTGRES: Final = ("asyncpg",)
PEERS_ON_POSTGRES: Final = ("eventsourcing-pg", "umadb")
BESIDE_POSTGRES: Final = frozenset({"asyncpg", "eventsourcing-pg", "backstory-pg-1-process"})
"""Those that ours on PostgreSQL is compared with in the tables."""


class Target(msgspec.Struct, frozen=True):
    """A bound for a figure of `whose`: on its own, or as a ratio to the best of those in `of`.

    `at_least` and `at_most` are the bounds; one of them is given.
    """

    of: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    figure: str = "rate"
    whose: str = OURS

    def is_met_by(self, value: float) -> bool:
        """Return whether *value* keeps the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    @property
    def bound(self) -> str:
        """Return the bound in words."""
        sign, number = ("≥", self.at_least) if self.at_most is None else ("≤", self.at_most)
        if not self.of:
            return f"{sign} {number:g} {UNITS[self.figure]}"
        against = self.of[0] if len(self.of) == 1 else f"best of {', '.join(self.of)}"
        return f"{sign} {number:g} × {against}"


UNITS: Final = {"rate": "/s", "p50_ms": "ms (p50)", "p99_ms": "ms (p99)", "peak_mib": "MiB at peak"}


class Workload(msgspec.Struct, frozen=True):
    """One thing to do, the same for every contestant.

    `task` is its name within a contestant's module, `dataset` what it reads and somebody fills
    once per run, `figure` the one that is compared, `unit` what that counts.
    """

    name: str
    title: str
    task: str
    unit: str = "events/s"
    figure: str = "rate"
    dataset: str | None = None
    targets: tuple[Target, ...] = ()


def at_least(ratio: float, *of: str) -> Target:
    """Return the target of being *ratio* times as fast as the best *of* some contestants."""
    return Target(of, at_least=ratio)


def at_most(bound: float, figure: str) -> Target:
    """Return the target of keeping *figure* at or below *bound*."""
    return Target((), at_most=bound, figure=figure)


def on_postgres(*targets: Target) -> tuple[Target, ...]:
    """Return *targets* as those of what is kept on PostgreSQL."""
    return tuple(msgspec.structs.replace(target, whose=OURS_ON_POSTGRES) for target in targets)


_ALL: Final = (
    Workload(
        "W1",
        "append, 1 writer, 1 event, new stream each",
        "append_one",
        targets=(
            at_least(0.80, *RAW),
            at_least(1.2, *SQLITE_PEERS),
            *on_postgres(at_least(0.80, *RAW_ON_POSTGRES), at_least(2, "eventsourcing-pg")),
        ),
    ),
    Workload(
        "W2-16",
        "append, 16 concurrent writers, 1 event each",
        "append_16",
        targets=(
            at_least(0.80, *RAW),
            at_least(2.5, *PEERS),
            *on_postgres(at_least(0.80, *RAW_ON_POSTGRES), at_least(2.5, *PEERS_ON_POSTGRES)),
        ),
    ),
    Workload(
        "W2-128",
        "append, 128 concurrent writers, 1 event each",
        "append_128",
        targets=(at_least(4, *PEERS), *on_postgres(at_least(4, *PEERS_ON_POSTGRES))),
    ),
    Workload(
        "W2p",
        "append, 4 processes × 16 writers, 1 event each",
        "append_in_processes",
        targets=(
            at_least(0.6, "backstory-1-process"),
            *on_postgres(at_least(1.0, "backstory-pg-1-process")),
        ),
    ),
    Workload(
        "W3",
        "append, 100 events per call, new stream each",
        "append_100",
        targets=(
            at_least(0.70, *RAW),
            at_least(2, *PEERS),
            *on_postgres(
                at_least(0.70, *RAW_ON_POSTGRES),
                at_least(1.3, "umadb"),
                at_least(3, "eventsourcing-pg"),
            ),
        ),
    ),
    Workload(
        "W4",
        "read one stream of 10,000 events to decoded objects",
        "read_stream",
        dataset="streams",
        targets=(at_least(2, *PEERS), *on_postgres(at_least(2, *PEERS_ON_POSTGRES))),
    ),
    Workload(
        "W5",
        "replay everything: payload, metadata and envelope decoded",
        "replay",
        dataset="log",
        targets=(
            at_least(0.85, *RAW),
            at_least(2.5, *PEERS),
            at_most(80, "peak_mib"),
            *on_postgres(at_least(0.85, *RAW_ON_POSTGRES), at_least(2, *PEERS_ON_POSTGRES)),
        ),
    ),
    Workload(
        "W6",
        "projection catch-up, user-created into table user, with checkpoint",
        "project",
        dataset="users",
        targets=(
            at_least(0.60, *RAW),
            at_least(25, *PEERS),
            *on_postgres(at_least(0.60, *RAW_ON_POSTGRES), at_least(40, "eventsourcing-pg")),
        ),
    ),
    Workload(
        "W7-100",
        "rehydrate an aggregate of 100 events",
        "rehydrate_100",
        unit="aggregates/s",
        dataset="streams",
        targets=(
            at_least(0.65, *RAW),
            at_least(5, *PEERS),
            *on_postgres(at_least(0.65, *RAW_ON_POSTGRES), at_least(2, *PEERS_ON_POSTGRES)),
        ),
    ),
    Workload(
        "W7-1000",
        "rehydrate an aggregate of 1,000 events",
        "rehydrate_1000",
        unit="aggregates/s",
        dataset="streams",
    ),
    Workload(
        "W8-POST",
        "HTTP: POST /users, 32 connections",
        "post_users",
        unit="requests/s",
        dataset="http",
        targets=(at_least(1.5, "express-pg"), *on_postgres(at_least(1.5, "express-pg"))),
    ),
    Workload(
        "W8-GET",
        "HTTP: GET /users/{username}, 32 connections",
        "get_users",
        unit="requests/s",
        dataset="http",
        targets=(at_least(3, "express-pg"), *on_postgres(at_least(1.0, "express-pg"))),
    ),
    Workload(
        "VISIBLE",
        "append → visible in the read model, idle",
        "see_append",
        unit="ms",
        figure="p50_ms",
        targets=(
            at_most(5, "p50_ms"),
            at_most(25, "p99_ms"),
            *on_postgres(at_most(10, "p50_ms"), at_most(50, "p99_ms")),
        ),
    ),
    Workload(
        "REBUILD",
        "rebuild a live read model beside itself: build, compare, swap",
        "rebuild",
        dataset="users",
    ),
)

WORKLOADS: Final = {workload.name: workload for workload in _ALL}


def chosen(names: str) -> list[Workload]:
    """Return the workloads in *names*, separated by commas; `W2` stands for all that begin so.

    Raises `ValueError` for a name that is none.
    """
    if not names:
        return list(_ALL)
    found: list[Workload] = []
    for name in names.split(","):
        wanted = name.strip().upper()
        matching = [
            workload
            for workload in _ALL
            if workload.name.upper() == wanted or workload.name.upper().startswith(f"{wanted}-")
        ]
        if not matching:
            message = f"no workload is called {name!r}; there are {', '.join(WORKLOADS)}"
            raise ValueError(message)
        found += [workload for workload in matching if workload not in found]
    return found
