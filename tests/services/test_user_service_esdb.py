"""The user service as the tutorial sets it up: events in EventStoreDB, users in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kurrentdbclient import KurrentDBClient

from tests.servers.databases import name_of
from tests.servers.postgres import PostgresServer
from tests.services.command import backstory
from tests.services.eventstoredb.served import Served
from tests.services.serving import Service, seen

DONALD = {"username": "donald-le", "fullName": "Donald Le"}


@pytest.fixture
def served() -> Iterator[Served]:
    """Give a server of this test's own."""
    server = Served()
    yield server
    server.close()


def test_the_variables_of_the_tutorial_are_all_it_takes(
    served: Served,
    own_postgres: PostgresServer,
    make_service: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events by the official client, the row in psql, a projection that goes on, and the past."""
    database = own_postgres.create()
    esdb = f"{served.esdb}&throwOnAppendFailure=false"
    monkeypatch.setenv("ESDB_CONNECTION_STRING", esdb)
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("DATABASE_SCHEMA", "people")
    service = make_service()
    service.start()
    with service.client() as client:
        created = client.post("/users", json=DONALD)
        assert created.status_code == 201
        assert seen(client, created, "/users/donald-le").json()["fullName"] == "Donald Le"
    with KurrentDBClient(served.esdb) as official:
        [event] = official.get_stream("user-donald-le")
        assert (event.type, json.loads(event.data)["username"]) == ("user-created", "donald-le")
    row = own_postgres.psql(name_of(database), 'SELECT id, username FROM people."user"')
    assert row == "1|donald-le\n"
    assert service.stop() == 0
    service.start()
    with service.client() as client:
        second = client.post("/users", json={"username": "ann", "fullName": "Ann"})
        users = seen(client, second, "/users").json()["users"]
        assert [user["username"] for user in users] == ["donald-le", "ann"]
    assert service.stop() == 0
    _back_then(esdb)


def _back_then(esdb: str) -> None:
    """Ask the time machine, with nothing but the connection string."""
    first, last = (event["position"] for event in backstory("read", esdb, "--json").objects)
    app = ("--app", "backstory.demo.app:users")
    past = backstory("as-of", esdb, "--at", str(first), *app, "--table", "user", "--json")
    assert past.code == 0, past.err
    assert "donald-le" in past.out
    assert "ann" not in past.out
    assert backstory("diff", esdb, str(first), str(last), *app).code == 5


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    """At once, with exit code 3; and what is no connection string with 2."""
    nobody = "esdb://127.0.0.1:1?tls=false&maxDiscoverAttempts=1&gossipTimeout=1"
    refused = backstory("stats", nobody)
    assert refused.code == 3, refused
    assert "cannot be reached" in refused.err
    wrong = backstory("stats", "esdb://")
    assert wrong.code == 2, wrong
    assert str(tmp_path) not in wrong.err
