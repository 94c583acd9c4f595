"""The one value that says what is observed, and puts it around stores, repositories and workers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from backstory.core.store import EventStore
from backstory.domain.decider import Command, Event, State
from backstory.domain.repository import Repository
from backstory.projections.worker import Worker
from backstory.projections.workers import Workers

if TYPE_CHECKING:
    from backstory.telemetry.metrics import Metrics
    from backstory.telemetry.tracing import Tracing


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """What is observed: with `metrics`, with `tracing`, with both, or nothing.

    Nothing costs nothing: stores and repositories are returned as they are, workers left alone.
    """

    metrics: Metrics | None = None
    tracing: Tracing | None = None

    @classmethod
    def installed(cls) -> Telemetry:
        """Return metrics where prometheus-client is installed, tracing where a provider is set up.

        A program may call it without asking its user: what is not there is left out.
        """
        return cls(metrics=_metrics(), tracing=_tracing())

    def observe_store(self, store: EventStore) -> EventStore:
        """Return *store* observed; it has the powers of *store*, and closing it closes *store*."""
        if self.metrics is not None:
            store = self.metrics.observe_store(store)
        if self.tracing is not None:
            store = self.tracing.observe_store(store)
        return store

    def observe_repository(
        self, repository: Repository[Command, Event, State]
    ) -> Repository[Command, Event, State]:
        """Return *repository* observed; make it on an observed store."""
        if self.tracing is None:
            return repository
        return self.tracing.observe_repository(repository)

    def observe_worker(self, worker: Worker | Workers) -> None:
        """Observe every batch of *worker*, and how it stands while it lives."""
        for observer in (self.metrics, self.tracing):
            if observer is not None:
                observer.observe_worker(worker)

    def command(self, command: str, stream: str | None = None) -> AbstractContextManager[None]:
        """Return what stands around a *command* that no repository carries out.

        Such as one on several streams; `execute` is the name of the span.
        """
        if self.tracing is None:
            return nullcontext()
        return self.tracing.command(command, stream)


def _metrics() -> Metrics | None:
    if find_spec("prometheus_client") is None:
        return None
    from backstory.telemetry.metrics import Metrics

    return Metrics()


def _tracing() -> Tracing | None:
    # Other packages live below the same name.
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        return None
    from backstory.telemetry.tracing import Tracing

    return Tracing.configured()
