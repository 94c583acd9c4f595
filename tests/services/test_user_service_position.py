from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import httpx
import pytest

from backstory import NewEvent, open_store
from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.service import service
from tests.services.serving import POSITION, Service, seen

PROBLEM = "application/problem+json"


def test_every_write_says_where_it_stands(remembering: httpx.Client, name: str) -> None:
    """Positions grow with each event."""
    path = f"/users/{name}"
    answers = [
        remembering.post("/users", json={"username": name, "fullName": "A"}),
        remembering.patch(path, json={"fullName": "B"}),
        remembering.delete(path),
    ]
    positions = [int(answer.headers[POSITION]) for answer in answers]
    assert positions == sorted(set(positions))


def test_whoever_wrote_reads_what_was_written(event_sourced: Service, name: str) -> None:
    """Sixteen callers at once: with the position of the write, no read is ever too early."""

    def write_and_read(number: int) -> list[int]:
        with event_sourced.client() as client:
            statuses = []
            for turn in range(20):
                user = f"{name}-{number}-{turn}"
                written = client.post("/users", json={"username": user, "fullName": "A"})
                statuses.append(seen(client, written, f"/users/{user}").status_code)
                statuses.append(seen(client, written, "/users?limit=1").status_code)
            return statuses

    with ThreadPoolExecutor(16) as callers:
        for statuses in callers.map(write_and_read, range(16)):
            assert statuses == [200] * 40


def test_a_position_that_does_not_exist_is_refused_at_once(
    remembering: httpx.Client, name: str
) -> None:
    """Waiting for an event that nobody wrote would only cost time."""
    answer = remembering.get(f"/users/{name}", headers={POSITION: str(2**40)})
    assert answer.status_code == 400
    assert answer.elapsed.total_seconds() < 1


@pytest.fixture
async def stopped(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to a service whose log holds an event that the projection cannot apply."""
    url = f"sqlite:///{tmp_path}/events.db"
    store = await open_store(url)
    data = {"username": "eve", "fullName": "Eve", "openedAt": "once upon a time"}
    await store.append("user-eve", [NewEvent.of("user-created", data)])
    await store.close()
    users = await EventSourcedUsers.open(url, f"sqlite:///{tmp_path}/read-model.db")
    # Litestar names its messages more exactly than httpx does.
    app = cast("Callable[..., Awaitable[None]]", service(users))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await users.close()


async def _not_ready(client: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(10):
        while True:
            answer = await client.get("/readyz")
            if answer.status_code != 200:
                return answer
            await asyncio.sleep(0.01)


async def test_a_projection_that_stopped_is_told_and_writes_go_on(
    stopped: httpx.AsyncClient,
) -> None:
    """503 from /readyz names the event and the line; nothing written is lost meanwhile."""
    answer = await _not_ready(stopped)
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    detail = answer.json()["detail"]
    assert "position 1" in detail
    assert "projection.py" in detail
    assert (await stopped.get("/healthz")).status_code == 200
    created = await stopped.post("/users", json={"username": "bob", "fullName": "Bob"})
    assert created.status_code == 201
    history = await stopped.get("/users/bob/history")
    assert json.loads(history.content)["events"][0]["position"] == 2


async def test_a_read_waits_for_the_read_model_only_so_long(stopped: httpx.AsyncClient) -> None:
    """A read model that does not get there is 503 with Retry-After, not a request that hangs."""
    await _not_ready(stopped)
    created = await stopped.post("/users", json={"username": "bob", "fullName": "Bob"})
    async with asyncio.timeout(10):
        answer = await stopped.get("/users/bob", headers={POSITION: created.headers[POSITION]})
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"]
    assert (await stopped.get("/users/bob")).status_code == 404
