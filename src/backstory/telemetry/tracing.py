"""Spans of OpenTelemetry: `execute` around a command, in it `append` and `read`; `apply` later.

The span of a command stands as `traceparent` in the metadata of its events. The batch of a
projection that applies them, in whichever process and however much later, is a trace of its own
with a link to each: one batch has many causes, so none of them is its parent.

No span holds what an event holds, nor the message of an error: those may be personal data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import (
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from backstory.core.ambient import TRACEPARENT, correlation, traced
from backstory.core.listening import Applying
from backstory.core.store import EventStore
from backstory.domain.decider import Command, Event, State
from backstory.domain.repository import Repository
from backstory.projections.worker import Worker
from backstory.projections.workers import Workers
from backstory.telemetry.links import links_of
from backstory.telemetry.outcomes import ANSWERS, OK, outcome_of
from backstory.telemetry.traced import TracedStore, traced_repository

_propagator: Final = TraceContextTextMapPropagator()


class Tracing:
    """Opens spans with a tracer of the provider it is given."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """Use *provider*; without one, that which the process has set up (or will)."""
        self._tracer = trace.get_tracer("backstory", tracer_provider=provider)

    @classmethod
    def configured(cls) -> Tracing | None:
        """Return tracing with the provider the process has set up, None when it has none."""
        provider = trace.get_tracer_provider()
        if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
            return None
        return cls(provider)

    def observe_store(self, store: EventStore) -> EventStore:
        """Return *store* with the spans `append` and, inside of others, `read`."""
        return TracedStore(store, self)

    def observe_repository(
        self, repository: Repository[Command, Event, State]
    ) -> Repository[Command, Event, State]:
        """Return *repository* with the span `execute` around every command."""
        return traced_repository(repository, self)

    def observe_worker(self, worker: Worker | Workers) -> None:
        """Give every batch of *worker* the span `apply`."""
        worker.around_batches(self.applying)

    @contextmanager
    def command(self, command: str, stream: str | None = None) -> Iterator[None]:
        """Open the span `execute` around a command; events it records refer to it."""
        attributes = {"backstory.command": command}
        if stream is not None:
            attributes["backstory.stream"] = stream
        conversation = correlation()
        if conversation is not None:
            attributes["backstory.correlation_id"] = conversation
        with self.span("execute", SpanKind.INTERNAL, attributes):
            yield

    @contextmanager
    def applying(self, batch: Applying) -> Iterator[None]:
        """Open the span `apply` around a batch of a projection; one without events has none."""
        if not batch.events:
            yield
            return
        attributes: dict[str, AttributeValue] = {
            "backstory.projection": batch.projection,
            "backstory.partition": batch.partition,
            "backstory.events": len(batch.events),
            "backstory.position": batch.position,
        }
        links = links_of(batch.events)
        with self._entered(
            self._tracer.start_span(
                "apply", kind=SpanKind.CONSUMER, attributes=attributes, links=links
            )
        ):
            yield

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]
    ) -> Iterator[Span]:
        """Open a span that says how the block ended."""
        with self._entered(self._tracer.start_span(name, kind=kind, attributes=attributes)) as span:
            yield span

    @contextmanager
    def _entered(self, span: Span) -> Iterator[Span]:
        with ExitStack() as stack:
            stack.callback(span.end)
            # What an error says may be personal data, so the library is not let note it.
            stack.enter_context(
                trace.use_span(span, record_exception=False, set_status_on_exception=False)
            )
            parent = traceparent_of(span)
            if parent is not None:
                stack.enter_context(traced(parent))
            try:
                yield span
            except BaseException as error:
                _end_badly(span, error)
                raise
            span.set_attribute("backstory.outcome", OK)

    @contextmanager
    def continuing(self, traceparent: str) -> Iterator[None]:
        """Let spans of the block belong to the caller's trace, unless they are in one already."""
        if trace.get_current_span().get_span_context().is_valid:
            yield
            return
        token = context.attach(_propagator.extract({TRACEPARENT: traceparent}))
        try:
            yield
        finally:
            context.detach(token)

    def is_recording(self) -> bool:
        """Say whether the present code runs in a span that is kept."""
        return trace.get_current_span().is_recording()


def traceparent_of(span: Span) -> str | None:
    """Return the W3C `traceparent` of *span*, None when it has no identity."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span))
    return carrier.get(TRACEPARENT)


def _end_badly(span: Span, error: BaseException) -> None:
    outcome = outcome_of(error)
    span.set_attribute("backstory.outcome", outcome)
    if outcome not in ANSWERS:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
