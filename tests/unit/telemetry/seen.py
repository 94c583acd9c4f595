"""What Prometheus reads, by the official parser; and spans by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

Samples: TypeAlias = dict[str, float]


def parsed(text: str) -> Samples:
    """Return each sample of the exposition *text*, named as in a query: `name{label="value"}`."""
    return dict(_samples(text))


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            yield (f"{sample.name}{{{labels}}}" if labels else sample.name), sample.value


def samples_of(registry: CollectorRegistry) -> Samples:
    """Return each sample of *registry*, as it is shown to Prometheus."""
    return parsed(generate_latest(registry).decode())


def spans(exporter: InMemorySpanExporter, name: str | None = None) -> list[ReadableSpan]:
    """Return the spans called *name*, or all, in the order in which they began."""
    ended = exporter.get_finished_spans()
    chosen = [span for span in ended if name is None or span.name == name]
    return sorted(chosen, key=lambda span: span.start_time or 0)


def context_of(span: ReadableSpan) -> SpanContext:
    """Return the identity of *span*."""
    context = span.get_span_context()
    assert context is not None
    return context


def parent_of(span: ReadableSpan) -> int | None:
    """Return the id of the span that *span* is in."""
    return None if span.parent is None else span.parent.span_id


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    """Return the attributes of *span*."""
    return dict(span.attributes or {})
