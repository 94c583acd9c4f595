"""Every metric: its name, what it tells, its labels. Names are stable; labels are few and bounded.

No label ever holds what users write: no stream, no category (a stream without a `-` is a category
of its own, so there may be as many as streams), no event type. A projection is named by the code.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
COUNTS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0)


class Metric(msgspec.Struct, frozen=True):
    """One metric as Prometheus shows it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


APPEND_SECONDS: Final = Metric(
    "backstory_append_seconds",
    "histogram",
    "How long an append took, by how it ended.",
    ("outcome",),
    SECONDS,
)
APPEND_EVENTS: Final = Metric(
    "backstory_append_events_total", "counter", "Events of appends that ended well."
)
READ_SECONDS: Final = Metric(
    "backstory_read_seconds",
    "histogram",
    "How long a read of one page took, by how it ended.",
    ("outcome",),
    SECONDS,
)
READ_EVENTS: Final = Metric(
    "backstory_read_events", "histogram", "Events on a page that was read.", (), COUNTS
)
BATCH_APPENDS: Final = Metric(
    "backstory_batch_appends",
    "histogram",
    "Appends that shared one transaction of the store.",
    (),
    COUNTS,
)
COMMIT_SECONDS: Final = Metric(
    "backstory_commit_seconds",
    "histogram",
    "How long the store took to write a transaction.",
    (),
    SECONDS,
)
PROJECTION_SECONDS: Final = Metric(
    "backstory_projection_batch_seconds",
    "histogram",
    "How long a projection took to apply a batch, by how it ended.",
    ("projection", "outcome"),
    SECONDS,
)
PROJECTION_EVENTS: Final = Metric(
    "backstory_projection_batch_events",
    "histogram",
    "Events in a batch of a projection.",
    ("projection",),
    COUNTS,
)
POSITION: Final = Metric(
    "backstory_projection_position",
    "gauge",
    "Position that a projection has applied.",
    ("projection", "partition"),
)
LAG_EVENTS: Final = Metric(
    "backstory_projection_lag_events",
    "gauge",
    "Positions of the log that a projection has still to cover.",
    ("projection", "partition"),
)
LAG_SECONDS: Final = Metric(
    "backstory_projection_lag_seconds",
    "gauge",
    "Age of the oldest event still to be applied, 0 without one; missing while unknown.",
    ("projection", "partition"),
)
FAILED: Final = Metric(
    "backstory_projection_failed",
    "gauge",
    "1 when a projection has stopped here because of a failure, else 0.",
    ("projection",),
)
PARKED: Final = Metric(
    "backstory_parked_events",
    "gauge",
    "Events that a projection has set aside.",
    ("projection", "partition"),
)
LEASES: Final = Metric(
    "backstory_leases", "gauge", "Partitions that this process holds a lease of.", ("projection",)
)

CONNECTIONS: Final = Metric(
    "backstory_server_connections",
    "gauge",
    "Connections to `backstory serve` that are open, of either protocol.",
)
CALLS: Final = Metric(
    "backstory_server_calls", "gauge", "gRPC calls under way, subscriptions included."
)

METRICS: Final = (
    APPEND_SECONDS,
    APPEND_EVENTS,
    READ_SECONDS,
    READ_EVENTS,
    BATCH_APPENDS,
    COMMIT_SECONDS,
    PROJECTION_SECONDS,
    PROJECTION_EVENTS,
    POSITION,
    LAG_EVENTS,
    LAG_SECONDS,
    FAILED,
    PARKED,
    LEASES,
)
"""Those of stores and projections, in the order of the documentation."""

SERVER_METRICS: Final = (CONNECTIONS, CALLS)
"""Those that a server has beyond them."""
