"""How projections stand, asked for when somebody looks: a gauge that is asked is never stale."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from backstory.projections.status import PartitionStatus, Status
from backstory.projections.worker import Worker
from backstory.projections.workers import Workers
from backstory.telemetry import catalogue
from backstory.telemetry.catalogue import Metric

Ask: TypeAlias = Callable[[], Sequence[Status] | None]
"""Answers how projections stand now; None once nobody runs them any more."""


class Standings(Collector):
    """Collects the gauges of all projections that are followed."""

    def __init__(self) -> None:
        """Follow nobody yet."""
        self._asked: list[Ask] = []

    def follow(self, ask: Ask) -> None:
        """Ask *ask* from now on; of two that know a projection, the later one is believed."""
        self._asked.append(ask)

    def describe(self) -> Iterable[Family]:
        """Return the names, so that a registry need not collect to learn them."""
        return [_family(metric) for metric in _GAUGES]

    def collect(self) -> Iterator[Family]:
        """Yield each gauge with a sample of every partition."""
        families = {metric.name: _family(metric) for metric in _GAUGES}
        for status in self._standing().values():
            name = status.projection
            for part in status.partitions:
                for metric, value in _values(part):
                    families[metric.name].add_metric([name, str(part.partition)], value)
            leases = sum(part.token is not None for part in status.partitions)
            families[catalogue.LEASES.name].add_metric([name], leases)
            families[catalogue.FAILED.name].add_metric([name], status.failure is not None)
        yield from families.values()

    def _standing(self) -> dict[str, Status]:
        standing: dict[str, Status] = {}
        for ask in list(self._asked):
            found = ask()
            if found is None:
                self._asked.remove(ask)
            else:
                standing.update({status.projection: status for status in found})
        return standing


def _values(part: PartitionStatus) -> Iterator[tuple[Metric, float]]:
    yield catalogue.POSITION, part.position
    yield catalogue.LAG_EVENTS, part.lag
    if part.lag_seconds is not None:
        yield catalogue.LAG_SECONDS, part.lag_seconds
    yield catalogue.PARKED, part.parked


_GAUGES = tuple(metric for metric in catalogue.METRICS if metric.kind == "gauge")


def _family(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)


def asking(work: Worker | Workers) -> Ask:
    """Return how to ask *work*; whoever runs it keeps it alive, that it is looked at does not."""
    reference = weakref.ref(work)

    def ask() -> Sequence[Status] | None:
        alive = reference()
        if alive is None:
            return None
        status = alive.status
        return (status,) if isinstance(status, Status) else status

    return ask
