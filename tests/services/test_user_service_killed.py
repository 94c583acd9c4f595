"""The promise of the service under the rudest treatment: killed twenty times while it is used."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import pytest

from backstory import Fault, ReadModel, Verifying, Worker, open_store
from backstory.demo.app import users
from backstory.demo.projection import user_projection
from tests.services.serving import Service, free_port

KILLS: Final = 20
WRITERS: Final = 16

Tables = dict[str, list[tuple[object, ...]]]


class _Writer(threading.Thread):
    """Creates, renames and deletes users until told to end, and notes what was confirmed."""

    def __init__(self, service: Service, number: int, done: threading.Event) -> None:
        super().__init__()
        self.confirmed: dict[str, str | None] = {}
        self._client = service.client()
        self._number, self._done, self._turn = number, done, 0

    def run(self) -> None:
        with self._client:
            while not self._done.is_set():
                self._turn += 1
                name = f"w{self._number}-{self._turn}"
                if self._sent("POST", "/users", {"username": name, "fullName": "A"}) != 201:
                    continue
                self.confirmed[name] = "A"
                self._change(name)

    def _change(self, name: str) -> None:
        path = f"/users/{name}"
        if self._turn % 5 == 0:
            # Whether an unanswered change was carried out cannot be known: it counts for nothing.
            del self.confirmed[name]
            if self._sent("PATCH", path, {"fullName": "B"}) == 200:
                self.confirmed[name] = "B"
        elif self._turn % 7 == 0:
            del self.confirmed[name]
            if self._sent("DELETE", path, None) == 204:
                self.confirmed[name] = None

    def _sent(self, method: str, path: str, body: dict[str, str] | None) -> int | None:
        try:
            return self._client.request(method, path, json=body).status_code
        except httpx.TransportError:
            time.sleep(0.02)  # the service is dead or not yet alive again
            return None


@pytest.mark.timeout(180)
async def test_a_service_killed_twenty_times_has_every_user_exactly_once(
    make_service: Callable[..., Service],
) -> None:
    """Every confirmed write is there, nobody twice, and the table equals one made anew."""
    service = make_service(port=free_port())
    confirmed = _confirmed_while_killed(service)
    assert len(confirmed) > 10 * KILLS
    head = await _head_of_a_sound_store(f"sqlite:///{service.data}/events.db")
    service.start()
    with service.client() as client:
        client.get("/users", headers={"Backstory-Position": str(head)}).raise_for_status()
    assert service.stop() == 0
    live = _tables(service.data / "read-model.db")
    assert live == await _rebuilt(service.data)
    names = {str(row[1]): row[3] for row in live["user"]}
    assert len(names) == len(live["user"]) == len(live["user_revision"])
    assert {name: names.get(name) for name in confirmed} == confirmed


def _confirmed_while_killed(service: Service) -> dict[str, str | None]:
    chance = random.Random(20)  # noqa: S311 - no secret; the same moments in every run
    service.start()
    done = threading.Event()
    writers = [_Writer(service, number, done) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 0.6))
        service.kill()
        service.start()
    done.set()
    for writer in writers:
        writer.join()
    service.kill()
    return {name: full for writer in writers for name, full in writer.confirmed.items()}


async def _head_of_a_sound_store(url: str) -> int:
    store = await open_store(url)
    assert isinstance(store, Verifying)
    assert [found async for found in store.verify() if isinstance(found, Fault)] == []
    head = await store.head()
    await store.close()
    return head


def _tables(file: Path) -> Tables:
    with closing(sqlite3.connect(file)) as connection:
        return {
            "user": connection.execute("SELECT * FROM user ORDER BY id").fetchall(),
            "user_revision": connection.execute(
                "SELECT * FROM user_revision ORDER BY username"
            ).fetchall(),
        }


async def _rebuilt(data: Path) -> Tables:
    store = await open_store(f"sqlite:///{data}/events.db")
    read_model = await ReadModel.open(f"sqlite:///{data}/rebuilt.db")
    worker = Worker(user_projection, schema=users.schema, store=store, read_model=read_model)
    await worker.catch_up()
    await read_model.close()
    await store.close()
    return _tables(data / "rebuilt.db")
