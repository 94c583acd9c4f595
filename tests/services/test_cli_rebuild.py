"""`backstory rebuild`: beside a service that goes on, killed and gone on with, refused, shown."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from backstory import NewEvent, StreamAppend, open_store
from backstory.core.store import AppendingSeveral
from tests.services.command import backstory, in_terminal, started
from tests.services.serving import Service, seen

USERS = 2_000
MANY = 120_000
REACTING = """
from backstory import Application, EventType, Reactor, Schema
from backstory.demo.events import UserCreated

mail = Reactor("mail")

@mail.on(UserCreated)
async def welcome(event, reaction):
    raise AssertionError("it has happened again")

app = Application(
    name="mailing", schema=Schema(EventType("user-created", UserCreated)), reactors=[mail]
)
"""


def history(url: str, users: int) -> None:
    """Append the events of so many users to the store at *url*."""

    async def fill() -> None:
        store = await open_store(url)
        assert isinstance(store, AppendingSeveral)
        for first in range(0, users, 1_000):
            await store.append_several([_opened(n) for n in range(first, first + 1_000)])
        await store.close()

    asyncio.run(fill())


def _opened(number: int) -> StreamAppend:
    data = {"username": f"u{number}", "fullName": f"Name {number}"}
    event = NewEvent.of("user-created", {**data, "openedAt": "2026-01-02T03:04:05.678000Z"})
    return StreamAppend(f"user-u{number}", [event])


def places(store: str, read_model: str) -> list[str]:
    """Return the options that name the demo and these places."""
    return ["--app", "backstory.demo.app:users", "--store", store, "--read-model", read_model]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Return the options for files of SQLite with a small history, applied."""
    store, read_model = (f"sqlite:///{tmp_path}/{name}.db" for name in ("events", "users"))
    history(store, 1_000)
    options = places(store, read_model)
    assert backstory("rebuild", *options).code == 0
    return options


class Table:
    """The table of users, as somebody sees it who looks into the database."""

    def __init__(self, url: str) -> None:
        """Look into the database at *url*."""
        self._connect: Callable[[], sqlite3.Connection | psycopg.Connection]
        self._name = '"user"'
        if url.startswith("sqlite"):
            file = url.removeprefix("sqlite:///")
            self._connect = lambda: sqlite3.connect(file, timeout=30, isolation_level=None)
        else:
            self._connect = lambda: psycopg.connect(url, autocommit=True)
            self._name = 'eventsourcing."user"'

    def spoil(self) -> None:
        """Give every user a name that no event gave."""
        self._execute(f"UPDATE {self._name} SET \"fullName\" = 'spoiled'")  # noqa: S608 - made of constants

    def counts(self) -> tuple[int, int]:
        """Return how many users of the history there are, and how many are spoiled."""
        spoiled = "count(CASE WHEN \"fullName\" = 'spoiled' THEN 1 END)"
        found = self._execute(f"SELECT count(*), {spoiled} FROM {self._name} WHERE id <= {USERS}")  # noqa: S608 - made of constants
        return found[0], found[1]

    def _execute(self, sql: str) -> tuple[int, ...]:
        connection = self._connect()
        try:
            cursor = connection.execute(sql)
            return tuple(cursor.fetchone() or ()) if cursor.description else ()
        finally:
            connection.close()


class Load:
    """People who create and read users, and somebody who looks into the table, all the time."""

    def __init__(self, service: Service, table: Table) -> None:
        """Begin to use *service* and to look into *table*."""
        self.wrong: list[object] = []
        self.looks: list[tuple[int, int]] = []
        self.created = 0
        self._service, self._table = service, table
        self._stopping = threading.Event()
        works = (self._create, self._read, self._look)
        self._threads = [threading.Thread(target=work) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _create(self) -> None:
        with self._service.client() as client:
            while not self._stopping.is_set():
                name = f"new{self.created}"
                made = client.post("/users", json={"username": name, "fullName": "New"})
                self._check(made, 201, name)
                self._check(seen(client, made, f"/users/{name}"), 200, name)
                self.created += 1

    def _read(self) -> None:
        right = False
        with self._service.client() as client:
            while not self._stopping.is_set():
                found = client.get("/users/u7")
                self._check(found, 200, "u7")
                now = found.json()["fullName"] == "Name 7"
                if right and not now:
                    self.wrong.append("the old row came back")
                right = now

    def _look(self) -> None:
        while not self._stopping.is_set():
            counts = self._table.counts()
            if counts not in self.looks:
                self.looks.append(counts)

    def _check(self, answer: httpx.Response, status: int, name: str) -> None:
        if answer.status_code != status or answer.json()["username"] != name:
            self.wrong.append((answer.status_code, answer.text))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_service_goes_on_while_its_read_model_is_rebuilt(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No request fails, every read is old or new as a whole, and nothing is missed afterwards."""
    store, read_model = (f"sqlite:///{tmp_path}/{name}.db" for name in ("events", "users"))
    if kind == "postgresql":
        read_model = request.getfixturevalue("postgres_url")
    history(store, USERS)
    options = places(store, read_model)
    assert backstory("rebuild", *options).code == 0
    table = Table(read_model)
    table.spoil()
    service = Service(tmp_path / "data", settings=["--store", store, "--read-model", read_model])
    service.start()
    load = Load(service, table)
    try:
        done = backstory("rebuild", *options, "--json")
        with service.client() as client:
            last = client.post("/users", json={"username": "last", "fullName": "Last"})
            assert seen(client, last, "/users/last").status_code == 200
    finally:
        load.stop()
        service.stop()
    assert (done.code, done.err) == (0, "")
    assert load.wrong == []
    assert load.looks[0] == (USERS, USERS)
    assert load.looks[1:] in ([], [(USERS, 0)])
    assert table.counts() == (USERS, 0)
    again = backstory("rebuild", *options, "--compare-only")
    assert again.code == 0, again.out


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_rebuild_that_is_killed_is_gone_on_with(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Hours of work are not lost, and rows get the numbers that they would have got."""
    store, read_model = (f"sqlite:///{tmp_path}/{name}.db" for name in ("events", "users"))
    history(store, MANY if kind == "sqlite" else MANY // 8)
    if kind == "postgresql":
        read_model = request.getfixturevalue("postgres_url")
    options = [*places(store, read_model), "--json"]
    with started("rebuild", *options, "--every", "0.1") as process:
        assert process.stdout is not None
        reached = 0
        for line in process.stdout:
            reached = json.loads(line)["progress"]["position"]
            if reached:
                break
        process.kill()
    done = backstory("rebuild", *options)
    assert done.code == 0, done.err
    rebuilt = done.objects[-1]["rebuilt"]
    assert rebuilt["began"] >= reached > 0  # type: ignore[index]  # it is an object
    fresh = backstory("rebuild", *options, "--compare-only")
    assert (fresh.code, fresh.objects[-1]["rebuilt"]["began"]) == (0, 0)  # type: ignore[index]  # it is an object


def test_another_one_is_refused_meanwhile(tmp_path: Path) -> None:
    """Two would build into the same tables; abandoning a living one would, too."""
    store, read_model = (f"sqlite:///{tmp_path}/{name}.db" for name in ("events", "users"))
    history(store, MANY)
    options = places(store, read_model)
    with started("rebuild", *options, "--every", "0.1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        second = backstory("rebuild", *options)
        abort = backstory("rebuild", *options, "--abort")
        process.kill()
    assert (second.code, abort.code) == (2, 2)
    assert "is being rebuilt already" in second.err
    assert backstory("rebuild", *options, "--abort").code == 0
    assert not list(tmp_path.glob("*rebuild*"))


def test_a_difference_has_an_exit_code_and_is_shown(files: list[str], tmp_path: Path) -> None:
    """A nightly job can watch over a read model, and says what is wrong with it."""
    same = backstory("rebuild", *files, "--compare-only", "--json")
    assert same.code == 0
    Table(f"sqlite:///{tmp_path}/users.db").spoil()
    differs = backstory("rebuild", *files, "--compare-only")
    assert differs.code == 5
    rows = [line.split("\t") for line in differs.lines]
    assert ["table", "users", "user", "differs", "1000", "1000", "0"] in rows
    assert ["table", "users", "user_revision", "same", "1000", "1000", "0"] in rows
    live = [json.loads(row[3]) for row in rows if row[0] == "only-live"]
    assert [row["fullName"] for row in live] == ["spoiled"] * 5
    assert sum(row[0] == "only-rebuilt" for row in rows) == 5
    assert "not the same as before" in differs.err


def test_a_reactor_is_refused(tmp_path: Path) -> None:
    """Nobody gets last year's mails again."""
    (tmp_path / "mailing.py").write_text(REACTING, encoding="utf-8")
    store, read_model = (f"sqlite:///{tmp_path}/{name}.db" for name in ("events", "users"))
    history(store, 1_000)
    refused = backstory(
        *("rebuild", "--app", "mailing:app", "--store", store, "--read-model", read_model),
        settings={"PYTHONPATH": str(tmp_path)},
    )
    assert refused.code == 2
    assert "'mail' is a reactor" in refused.err


def test_a_person_is_told_in_words(files: list[str]) -> None:
    """On a terminal there is a bar while it runs, and what came of it in the end."""
    code, shown = in_terminal("rebuild", *files)
    assert code == 0
    assert "━" in shown
    assert "the same as before" in shown
    assert "users: swapped" in shown


def test_old_tables_are_kept_in_postgresql_alone(files: list[str]) -> None:
    """What cannot be done is said before hours are spent."""
    refused = backstory("rebuild", *files, "--keep-old")
    assert refused.code == 2
    assert "SQLite keeps no old tables" in refused.err
