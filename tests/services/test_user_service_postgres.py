"""The tutorial's set-up: the read model is a table in PostgreSQL that people look at with psql."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

import httpx
import pytest

from tests.servers.databases import name_of
from tests.servers.postgres import PostgresServer
from tests.services.serving import CRUD, POSITION, Service, seen

Make = Callable[..., Service]
DONALD = {"username": "donald-le", "fullName": "Donald Le"}
TABLE = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'eventsourcing.user'::regclass AND attnum > 0 ORDER BY attnum
"""
CONSTRAINTS = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'eventsourcing.user'::regclass AND contype IN ('p', 'u') ORDER BY contype
"""


@pytest.mark.parametrize("events", ["in SQLite", "in PostgreSQL"])
def test_the_tutorial_works_word_for_word(
    make_service: Make, own_postgres: PostgresServer, events: str
) -> None:
    """What a reader types, and what a reader sees: the answers, the row in psql, the table."""
    url = own_postgres.create()
    store = ["--store", url] if events == "in PostgreSQL" else []
    service = make_service(settings=["--read-model", url, *store])
    service.start()
    with service.client() as client:
        created = client.post("/users", json=DONALD)
        assert (created.status_code, created.json()) == (201, {"username": "donald-le"})
        found = seen(client, created, "/users/donald-le").json()
        assert client.get("/users/nobody").status_code == 404
    at = found["createdAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
    assert json.dumps(found) == json.dumps(
        {"id": 1, "username": "donald-le", "createdAt": at, "fullName": "Donald Le"}
    )
    row = own_postgres.psql(
        name_of(url),
        "SELECT id, username, to_char(\"createdAt\" AT TIME ZONE 'UTC', "
        '\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\'), "fullName" FROM eventsourcing."user"',
    )
    assert row == f"1|donald-le|{at}|Donald Le\n"
    assert own_postgres.psql(name_of(url), TABLE).splitlines() == [
        "id|bigint|t|nextval('eventsourcing.user_id_seq'::regclass)",
        "username|character varying(100)|t|",
        "createdAt|timestamp with time zone|t|",
        "fullName|character varying(100)|t|",
    ]
    constraints = own_postgres.psql(name_of(url), CONSTRAINTS).splitlines()
    assert constraints == ["PRIMARY KEY (id)", "UNIQUE (username)"]
    assert service.stop() == 0
    assert "secret" not in service.words()


def test_events_in_postgresql_may_be_read_from_a_file(
    make_service: Make, postgres_url: str
) -> None:
    """Each database is chosen for itself."""
    service = make_service(settings=["--store", postgres_url])
    service.start()
    with service.client() as client:
        seen(client, client.post("/users", json=DONALD), "/users/donald-le").raise_for_status()
    assert service.stop() == 0
    assert (service.data / "read-model.db").exists()


def test_the_schema_may_be_called_otherwise(
    make_service: Make, own_postgres: PostgresServer
) -> None:
    """Several services share a database, each in a schema of its own."""
    url = own_postgres.create()
    for schema in ("first", "odd schema"):
        service = make_service(settings=["--read-model", url, "--schema", schema])
        service.start()
        with service.client() as client:
            seen(client, client.post("/users", json=DONALD), "/users/donald-le").raise_for_status()
        assert service.stop() == 0
        rows = own_postgres.psql(name_of(url), f'TABLE "{schema}".user_revision')
        assert rows == "donald-le|0\n"


def test_two_instances_may_share_one_read_model_in_postgresql(
    make_service: Make, postgres_url: str
) -> None:
    """Both write, both read what either wrote, no row is lost, doubled or numbered with a gap."""
    settings = ["--read-model", postgres_url]
    first, second = make_service(settings=settings), make_service(settings=settings)
    second.data = first.data
    first.start()
    second.start()
    with first.client() as one, second.client() as other:
        for turn in range(20):
            writer, reader = (one, other) if turn % 2 else (other, one)
            written = writer.post("/users", json={"username": f"u{turn}", "fullName": "A"})
            for client in (writer, reader):
                assert seen(client, written, f"/users/u{turn}").json()["id"] == turn + 1
    assert first.stop() == second.stop() == 0


def test_the_service_outlives_its_read_model(
    make_service: Make, own_postgres: PostgresServer
) -> None:
    """Without PostgreSQL it still takes writes and says that it cannot read; then it catches up."""
    service = make_service(settings=["--read-model", own_postgres.create()])
    service.start()
    with service.client() as client:
        seen(client, client.post("/users", json=DONALD), "/users/donald-le").raise_for_status()
        own_postgres.crash()
        assert client.get("/users/donald-le").status_code == 503
        assert client.get("/readyz").status_code == 503
        written = client.post("/users", json={**DONALD, "username": "second"})
        assert written.status_code == 201
        own_postgres.start()
        while (answer := seen(client, written, "/users/second")).status_code == 503:
            assert answer.json()["type"].endswith("not-caught-up")
        assert answer.json()["id"] > 1  # a sequence leaves some numbers out after a crash
        assert client.get("/readyz").status_code == 200
    assert service.stop() == 0


def test_a_read_model_of_another_password_is_one_clear_message(
    make_service: Make, postgres_url: str
) -> None:
    """Nobody reads a traceback in the first minute; and nobody reads the password either."""
    service = make_service(settings=["--read-model", postgres_url.replace("secret", "guess")])
    with pytest.raises(AssertionError, match="password authentication failed"):
        service.start()
    assert "Traceback" not in service.words()
    assert "guess" not in service.words()


def test_the_normal_approach_keeps_its_rules_under_concurrency(
    make_service: Make, postgres_url: str
) -> None:
    """The yardstick is a fair one: of two that create or rename at once, one wins."""
    service = make_service(module=CRUD, settings=["--read-model", postgres_url])
    service.start()
    codes: list[int] = []

    def race(method: str, path: str, headers: dict[str, str], number: int) -> None:
        with service.client() as client:
            # A rename to the name that is there changes nothing, and so would let a second one on.
            user = {} if method == "PATCH" else {"username": "x"}
            body = {"fullName": f"{method} {number}", **user}
            codes.append(client.request(method, path, json=body, headers=headers).status_code)

    def outcomes(method: str, path: str, headers: dict[str, str]) -> list[int]:
        codes.clear()
        racers = [threading.Thread(target=race, args=(method, path, headers, n)) for n in range(6)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        return sorted(codes)

    assert outcomes("POST", "/users", {}) == [201] + [409] * 5
    assert outcomes("PATCH", "/users/x", {"if-match": '"0"'}) == [200] + [412] * 5
    assert service.stop() == 0


def test_the_normal_approach_does_not_take_the_read_models_table(
    make_service: Make, postgres_url: str
) -> None:
    """Both tables are called user: the second service in one schema is told so."""
    settings = ["--read-model", postgres_url]
    first = make_service(settings=settings)
    first.start()
    assert first.stop() == 0
    second = make_service(module=CRUD, settings=settings)
    with pytest.raises(AssertionError, match="choose another schema"):
        second.start()
    second = make_service(module=CRUD, settings=[*settings, "--schema", "crud"])
    second.start()
    with second.client() as client:
        answer: httpx.Response = client.post("/users", json=DONALD)
        assert answer.status_code == 201
        assert POSITION not in answer.headers
    assert second.stop() == 0
