"""A store and a read model for each test, and what telemetry tells of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.telemetry.metrics import Metrics
from backstory.telemetry.tracing import Tracing
from tests.unit.telemetry.seen import Samples, samples_of


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Return an empty store."""
    memory = MemoryStore()
    yield memory
    await memory.close()


@pytest.fixture
async def read_model(tmp_path: Path) -> AsyncIterator[ReadModel]:
    """Return an empty read model."""
    model = await ReadModel.open(f"sqlite:///{tmp_path}/read.db")
    yield model
    await model.close()


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics in a registry of their own."""
    return Metrics()


@pytest.fixture
def samples(metrics: Metrics) -> Callable[[], Samples]:
    """Return what Prometheus would read of the metrics now."""
    return lambda: samples_of(metrics.registry)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Return where the spans end up, in the order in which they ended."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    """Return tracing with the official SDK, which keeps all spans."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider)
