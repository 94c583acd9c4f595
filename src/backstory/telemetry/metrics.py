"""Metrics for Prometheus, bound to a registry that the user gives or gets; there are no globals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from backstory.core.listening import Applying, Commit
from backstory.core.store import EventStore
from backstory.projections.worker import Worker
from backstory.projections.workers import Workers
from backstory.telemetry import catalogue
from backstory.telemetry.catalogue import Metric
from backstory.telemetry.measured import MeasuredStore
from backstory.telemetry.outcomes import OK, outcome_of
from backstory.telemetry.standing import Standings, asking


class Metrics:
    """All metrics of Backstory in one registry; see `docs/reference/metrics.md` for their names.

    Two of them cannot share a registry.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register with *registry*, a new one unless given."""
        self.registry: Final = CollectorRegistry() if registry is None else registry
        self.append_seconds: Histogram = self._histogram(catalogue.APPEND_SECONDS)
        appended = catalogue.APPEND_EVENTS
        self.append_events: Counter = Counter(
            appended.name, appended.meaning, registry=self.registry
        )
        self.read_seconds: Histogram = self._histogram(catalogue.READ_SECONDS)
        self.read_events: Histogram = self._histogram(catalogue.READ_EVENTS)
        self._batch_appends = self._histogram(catalogue.BATCH_APPENDS)
        self._commit_seconds = self._histogram(catalogue.COMMIT_SECONDS)
        self._projection_seconds = self._histogram(catalogue.PROJECTION_SECONDS)
        self._projection_events = self._histogram(catalogue.PROJECTION_EVENTS)
        self._standings = Standings()
        self.registry.register(self._standings)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name,
            metric.meaning,
            metric.labels,
            buckets=metric.buckets,
            registry=self.registry,
        )

    def observe_store(self, store: EventStore) -> EventStore:
        """Return *store* measured; it has the powers of *store*, and closing it closes *store*."""
        return MeasuredStore(store, self)

    def observe_worker(self, worker: Worker | Workers) -> None:
        """Measure every batch of *worker*, and show how it stands while it lives."""
        worker.around_batches(self.applying)
        self._standings.follow(asking(worker))

    def observe_server(self, connections: Callable[[], int], calls: Callable[[], int]) -> None:
        """Show how many *connections* and *calls* a server has, whenever somebody looks."""
        for metric, count in ((catalogue.CONNECTIONS, connections), (catalogue.CALLS, calls)):
            gauge = Gauge(metric.name, metric.meaning, registry=self.registry)
            gauge.set_function(count)

    def committed(self, commit: Commit) -> None:
        """Count a transaction of a store."""
        self._batch_appends.observe(commit.appends)
        self._commit_seconds.observe(commit.seconds)

    @contextmanager
    def applying(self, batch: Applying) -> Iterator[None]:
        """Count the batch that is applied inside the block, and how long it takes."""
        began, outcome = perf_counter(), OK
        try:
            yield
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            seconds = perf_counter() - began
            self._projection_seconds.labels(batch.projection, outcome).observe(seconds)
            self._projection_events.labels(batch.projection).observe(len(batch.events))
