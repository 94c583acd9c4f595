"""What can be seen of the user service from outside: its metrics, its log, its traces."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from backstory import Metrics, Telemetry, Tracing
from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.service import service
from backstory.telemetry.catalogue import METRICS
from tests.services.command import PATIENCE, backstory, started
from tests.services.serving import POSITION, Service, seen
from tests.unit.telemetry.seen import attributes_of, parent_of, parsed, spans

Make = Callable[..., Service]
DONALD = {"username": "donald-le", "fullName": "Donald Le"}
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_service_shows_its_metrics(
    make_service: Make, request: pytest.FixtureRequest, database: str
) -> None:
    """`GET /metrics` after a write and a read tells of both, on either database."""
    service = make_service(settings=_settings(request, database))
    service.start()
    with service.client() as client:
        written = client.post("/users", json=DONALD)
        seen(client, written, "/users/donald-le").raise_for_status()
        assert client.post("/users", json=DONALD).status_code == 409
        answer = client.get("/metrics")
    samples = parsed(answer.text)
    assert {re.sub(r"(_bucket|_count|_sum)?(\{.*)?$", "", name) for name in samples} >= {
        metric.name for metric in METRICS
    }
    assert samples['backstory_append_seconds_count{outcome="ok"}'] == 1
    assert samples['backstory_append_seconds_count{outcome="conflict"}'] == 1
    assert samples["backstory_append_events_total"] == 1
    assert samples["backstory_batch_appends_sum"] >= 1
    one = '{partition="0",projection="users"}'
    assert samples[f"backstory_projection_position{one}"] == int(written.headers[POSITION])
    assert samples[f"backstory_projection_lag_events{one}"] == 0
    assert samples[f"backstory_projection_lag_seconds{one}"] == 0
    assert samples[f"backstory_parked_events{one}"] == 0
    assert samples['backstory_leases{projection="users"}'] == 0
    assert "donald" not in answer.text.lower()
    assert service.stop() == 0


def _settings(request: pytest.FixtureRequest, database: str) -> list[str]:
    if database == "sqlite":
        return []
    url: str = request.getfixturevalue("postgres_url")
    return ["--store", url, "--read-model", url]


def test_with_json_all_that_is_written_is_json(make_service: Make) -> None:
    """A collector that parses each line is never given another."""
    service = make_service(settings=["--log-format", "json"])
    service.start()
    with service.client() as client:
        client.post("/users", json=DONALD).raise_for_status()
        service.shout(b"\0\r\n\r\n")
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.words().splitlines()]
    assert "listens on" in lines[0]["message"]
    assert lines[-1]["message"] == "ended in order"
    assert {(line["level"], line["logger"]) for line in lines} == {("INFO", "backstory.demo")}


def test_the_tutorials_words_are_those_of_people(make_service: Make) -> None:
    """Unless told otherwise, what is written is for reading."""
    service = make_service()
    service.start()
    assert service.stop() == 0
    assert "  curl -X POST" in service.words()
    assert "{" not in service.words().replace("-d '{", "")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Return where the spans end up."""
    return InMemorySpanExporter()


@pytest.fixture(params=["sqlite", "postgresql"])
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, exporter: InMemorySpanExporter
) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to the service in this process, on each database, with all that can be observed."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(metrics=Metrics(), tracing=Tracing(provider))
    store = read_model = ""
    if request.param == "sqlite":
        store, read_model = f"sqlite:///{tmp_path}/events.db", f"sqlite:///{tmp_path}/read.db"
    else:
        store = read_model = request.getfixturevalue("postgres_url")
    users = await EventSourcedUsers.open(store, read_model, telemetry=telemetry)
    app = httpx.ASGITransport(app=cast("Any", service(users, telemetry)))
    async with httpx.AsyncClient(transport=app, base_url="http://users") as client:
        yield client
    await users.close()


async def test_a_request_its_event_and_its_row_are_found_from_each_other(
    client: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    """From the caller's trace to the batch that made the row, and from the event to both."""
    told = {"traceparent": CALLER, "x-correlation-id": "order-7"}
    written = await client.post("/users", json=DONALD, headers=told)
    assert written.headers["x-correlation-id"] == "order-7"
    [entry] = (await client.get("/users/donald-le/history")).json()["events"]
    waited = await client.get("/users/donald-le", headers={POSITION: written.headers[POSITION]})
    assert waited.status_code == 200
    [execute] = spans(exporter, "execute")
    assert f"{parent_of(execute):016x}" == CALLER.split("-")[2]
    assert attributes_of(execute)["backstory.correlation_id"] == "order-7"
    metadata = entry["metadata"]
    assert metadata["$correlationId"] == "order-7"
    assert metadata["traceparent"].split("-")[1] == CALLER.split("-")[1]
    [apply] = spans(exporter, "apply")
    assert [f"{link.context.span_id:016x}" for link in apply.links] == [
        metadata["traceparent"].split("-")[2]
    ]


def test_a_worker_shows_its_metrics_on_a_port_of_its_own(tmp_path: Path) -> None:
    """`backstory work --metrics-port` for processes that serve nothing else."""
    store = f"sqlite:///{tmp_path}/events.db"
    assert backstory("append", store, "note-1", "noted", "{}").code == 0
    arguments = ("--store", store, "--read-model", f"sqlite:///{tmp_path}/read.db")
    shown = ("--metrics-port", "0", "--log-format", "json")
    with started("work", "--app", "backstory.demo.app:users", *arguments, *shown) as process:
        assert process.stderr is not None
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "it ended"
            found = re.search(r"http://127\.0\.0\.1:\d+/metrics", line)
        leases = 'backstory_leases{projection="users"}'
        samples: dict[str, float] = {}
        while samples.get(leases) != 1:
            samples = parsed(httpx.get(found[0], trust_env=False, timeout=PATIENCE).text)
            assert process.poll() is None
        assert samples['backstory_projection_failed{projection="users"}'] == 0
        process.terminate()
        _, words = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    assert all(json.loads(line)["logger"] for line in words.splitlines())
