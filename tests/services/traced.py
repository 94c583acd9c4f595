"""Processes that trace themselves with OpenTelemetry's SDK: one that writes, one that applies."""

from __future__ import annotations

import asyncio
import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backstory import (
    ReadModel,
    Repository,
    Telemetry,
    Workers,
    correlated,
    open_store,
    system_clock,
)
from backstory.demo.app import CATEGORY, users
from backstory.demo.decider import Command, CreateUser, Event, User, user_decider
from backstory.demo.projection import user_projection
from backstory.demo.times import written


async def write(store_url: str, _read_model: str) -> None:
    """Create two users, each by a command of its own."""
    telemetry = Telemetry.installed()
    store = telemetry.observe_store(await open_store(store_url))
    made: Repository[Command, Event, User | None] = Repository(
        store, users.schema, user_decider, category=CATEGORY
    )
    repository = telemetry.observe_repository(made)
    for name in ("ann", "bob"):
        with correlated(f"request of {name}"):
            await repository.execute(name, CreateUser(name, name, written(system_clock())))
    await store.close()


async def apply(store_url: str, read_model_url: str) -> None:
    """Apply what is there, as `backstory work` does, and end."""
    telemetry = Telemetry.installed()
    store = telemetry.observe_store(await open_store(store_url))
    model = await ReadModel.open(read_model_url)
    workers = Workers([user_projection], schema=users.schema, store=store, read_model=model)
    telemetry.observe_worker(workers)
    running = asyncio.ensure_future(workers.run())
    async with asyncio.timeout(30):
        while workers.status[0].position < await store.head():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await workers.stop()
    await running
    await model.close()
    await store.close()


def _shown(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    assert context is not None
    return {
        "name": span.name,
        "trace": context.trace_id,
        "span": context.span_id,
        "parent": span.parent.span_id if span.parent else None,
        "attributes": dict(span.attributes or {}),
        "links": [[link.context.trace_id, link.context.span_id] for link in span.links],
    }


def main(task: str, store_url: str, read_model_url: str) -> None:
    """Do *task* and print the spans of this process as JSON."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    asyncio.run({"write": write, "apply": apply}[task](store_url, read_model_url))
    print(json.dumps([_shown(span) for span in exporter.get_finished_spans()]))  # noqa: T201 - its result


if __name__ == "__main__":
    main(*sys.argv[1:])
