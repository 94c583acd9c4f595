"""Showing metrics: what Prometheus is answered, by an application and by a port of its own."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from typing import Final, TypeAlias

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from backstory.core.errors import InvalidSetting
from backstory.telemetry.exposition import metrics_app, serve_metrics
from backstory.telemetry.metrics import Metrics
from backstory.telemetry.standing import Standings
from tests.unit.telemetry.seen import parsed, samples_of

Message: TypeAlias = MutableMapping[str, object]

_OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0"


def client(metrics: Metrics) -> httpx.AsyncClient:
    """Return a client of the application."""
    app = httpx.ASGITransport(app=metrics_app(metrics))
    return httpx.AsyncClient(transport=app, base_url="http://service")


async def test_the_application_answers_what_is_registered(metrics: Metrics) -> None:
    """The very samples of the registry, in Prometheus' text."""
    async with client(metrics) as asking:
        answer = await asking.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert parsed(answer.text) == samples_of(metrics.registry)
    assert len(parsed(answer.text)) > 20


async def test_a_prometheus_that_asks_for_openmetrics_gets_it(metrics: Metrics) -> None:
    """Newer servers do."""
    async with client(metrics) as asking:
        answer = await asking.get("/metrics", headers={"accept": _OPEN_METRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]  # has no types
    assert "backstory_append_seconds" in names


async def test_head_answers_as_get_without_the_body(metrics: Metrics) -> None:
    """As HTTP says."""
    async with client(metrics) as asking:
        head, get = await asking.head("/metrics"), await asking.get("/metrics")
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_other_methods_are_refused(metrics: Metrics) -> None:
    """Nobody can change a metric from outside."""
    async with client(metrics) as asking:
        answer = await asking.post("/metrics", content=b"backstory_leases 7")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_what_is_no_request_is_left_alone(metrics: Metrics) -> None:
    """An application may be told of the start and the end of the process."""

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    await metrics_app(metrics)({"type": "lifespan"}, receive, send)


def test_a_process_without_a_web_server_shows_metrics_on_a_port(metrics: Metrics) -> None:
    """And the port is free again behind the block."""
    with serve_metrics(metrics, 0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert parsed(answer.text) == samples_of(metrics.registry)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


@pytest.mark.parametrize("port", ["taken", 70_000])
def test_a_port_that_cannot_be_had_is_named(metrics: Metrics, port: object) -> None:
    """One clear error, not a traceback from a library."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = port if isinstance(port, int) else taken.getsockname()[1]
        showing = serve_metrics(metrics, number)
        with pytest.raises(InvalidSetting, match=f"port {number} of 127.0.0.1"), showing:
            pass


def test_a_registry_need_not_ask_anybody_to_learn_names() -> None:
    """Registering must not run what is measured."""
    standings = Standings()
    standings.follow(_never)
    assert len(list(standings.describe())) == 6


def _never() -> None:
    raise AssertionError
