from __future__ import annotations

import signal
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from backstory import open_store
from tests.services.serving import HOST, Service, outcome_of, seen

Make = Callable[..., Service]


def _rows(service: Service) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(service.data / "read-model.db")) as connection:
        return connection.execute('SELECT id, username, "fullName" FROM user').fetchall()


def test_a_restart_keeps_everything_and_doubles_nothing(make_service: Make) -> None:
    """Killed or ended in order, the next start goes on where the log stands."""
    service = make_service()
    for turn, end in enumerate([service.kill, service.stop, service.kill]):
        service.start()
        with service.client() as client:
            user = {"username": f"u{turn}", "fullName": "A"}
            seen(client, client.post("/users", json=user), f"/users/u{turn}")
            assert client.post("/users", json={**user, "username": "u0"}).status_code == 409
        end()
    assert _rows(service) == [(1, "u0", "A"), (2, "u1", "A"), (3, "u2", "A")]


def test_a_lost_read_model_is_made_again_from_the_events(make_service: Make) -> None:
    """The table is a conclusion; the events are what is kept."""
    service = make_service()
    service.start()
    with service.client() as client:
        for name in ("a", "b"):
            client.post("/users", json={"username": name, "fullName": "A"})
        last = client.delete("/users/a")
        before = seen(client, last, "/users").json()
    assert service.stop() == 0
    for file in service.data.glob("read-model.db*"):
        file.unlink()
    service.start()
    with service.client() as client:
        assert seen(client, last, "/users").json() == before


def test_two_instances_may_share_everything(make_service: Make) -> None:
    """A rolling restart: both write, both read what either wrote, no row is lost or doubled."""
    first, second = make_service(), make_service()
    second.data = first.data
    first.start()
    second.start()
    with first.client() as one, second.client() as other:
        for turn in range(60):
            writer, reader = (one, other) if turn % 2 else (other, one)
            written = writer.post("/users", json={"username": f"u{turn}", "fullName": "A"})
            for client in (writer, reader):
                assert seen(client, written, f"/users/u{turn}").status_code == 200
                assert client.get("/readyz").status_code == 200
    assert first.stop() == second.stop() == 0
    assert _rows(first) == [(turn + 1, f"u{turn}", "A") for turn in range(60)]


def test_it_says_how_to_try_it(make_service: Make) -> None:
    """The first thing a newcomer reads can be pasted as it is."""
    service = make_service()
    service.start()
    words = service.words()
    assert f"curl -X POST {service.url}/users" in words
    assert f"curl {service.url}/users/donald-le" in words
    assert f"{service.url}/schema" in words
    assert str(service.data / "events.db") in words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_although_a_caller_stays_connected(
    make_service: Make, number: signal.Signals
) -> None:
    """A connection that is kept alive must not keep the service alive."""
    service = make_service()
    service.start()
    with service.client() as client:
        client.get("/healthz")
        service.send(number)
        assert service.wait() == 0
    assert "ended in order" in service.words()
    assert "Traceback" not in service.words()


def test_a_request_that_never_ends_does_not_hold_up_the_end(make_service: Make) -> None:
    """Half a request is dropped after a bounded time."""
    service = make_service()
    service.start()
    place = httpx.URL(service.url)
    with socket.create_connection((HOST, place.port or 0)) as connection:
        connection.sendall(
            b"POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 100\r\n\r\n{"
        )
        assert service.stop() == 0


class _Writer(threading.Thread):
    """Creates users as fast as it can until the service is gone, and notes what was confirmed."""

    def __init__(self, service: Service, number: int, writing: threading.Barrier) -> None:
        super().__init__()
        self.confirmed: list[str] = []
        self._service, self._number, self._writing = service, number, writing

    def run(self) -> None:
        with self._service.client() as client:
            for turn in range(100_000):
                name = f"w{self._number}-{turn}"
                try:
                    answer = client.post("/users", json={"username": name, "fullName": "A"})
                except (httpx.ConnectError, httpx.RemoteProtocolError):
                    # Nobody listens, or the connection closed before the request was taken.
                    return
                assert answer.status_code == 201
                self.confirmed.append(name)
                if turn == 20:
                    self._writing.wait()


@pytest.fixture
def written_until_term(make_service: Make) -> tuple[Service, list[_Writer]]:
    """Give a service that was told to end while eight callers wrote, and the callers."""
    service = make_service()
    service.start()
    writing = threading.Barrier(9)
    writers = [_Writer(service, number, writing) for number in range(8)]
    for writer in writers:
        writer.start()
    writing.wait()
    assert service.stop() == 0
    for writer in writers:
        writer.join()
    return service, writers


async def test_sigterm_under_load_loses_no_confirmed_write(
    written_until_term: tuple[Service, list[_Writer]],
) -> None:
    """Every request that was taken is answered, and what was answered is stored and shown."""
    service, writers = written_until_term
    confirmed = {name for writer in writers for name in writer.confirmed}
    store = await open_store(f"sqlite:///{service.data}/events.db")
    head = await store.head()
    await store.close()
    assert head == len(confirmed)
    service.start()
    with service.client() as client:
        client.get("/users", headers={"Backstory-Position": str(head)}).raise_for_status()
    assert confirmed <= {str(row[1]) for row in _rows(service)}
    assert service.stop() == 0


def test_a_port_that_is_taken_is_refused(make_service: Make) -> None:
    """Two services on one port would each get half of the callers."""
    service = make_service()
    service.start()
    port = str(httpx.URL(service.url).port)
    code, words = outcome_of("--data", str(service.data), "--port", port)
    assert code == 3
    assert f"port {port}" in words
    assert "Traceback" not in words


def test_it_listens_on_a_host_by_name_and_on_ipv6(make_service: Make) -> None:
    """What people write is what works."""
    for host in ("localhost", "::1", "0.0.0.0"):  # noqa: S104 - what a container needs
        service = make_service()
        service.start("--host", host)
        with service.client() as client:
            assert client.get("/healthz").status_code == 200
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "setting", "code"),
    [
        (["--nonsense", "1"], "--nonsense", 2),
        (["--port", "70000"], "70000", 2),
        (["--port", "x"], "port", 2),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid", 2),
        (["--store", "oracle://x"], "oracle", 2),
        (["--read-model", "oracle://x"], "oracle", 2),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    tmp_path: Path, arguments: list[str], setting: str, code: int
) -> None:
    """One line that names the setting, no traceback."""
    result, words = outcome_of("--data", str(tmp_path / "data"), *arguments)
    assert result == code
    assert setting in words
    assert "Traceback" not in words


def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    """A misspelt setting would be one that silently does nothing."""
    environment = {"BACKSTORY_DEMO_PROT": "5001"}
    code, words = outcome_of("--data", str(tmp_path / "data"), environment=environment)
    assert code == 2
    assert "did you mean BACKSTORY_DEMO_PORT?" in words


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "data").write_text("a file")
    code, words = outcome_of("--data", str(tmp_path / "data" / "below"))
    assert code == 3
    assert "cannot be made" in words
