from __future__ import annotations

import signal
import socket
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.services.command import PATIENCE, backstory, started


@pytest.fixture
def port() -> int:
    """Give a port that was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
        assert isinstance(number, int)
        return number


def _client(port: int, process: Popen[str]) -> httpx.Client:
    """Return a client of the service, which answers by now."""
    assert process.stderr is not None
    while f":{port}" not in process.stderr.readline():
        assert process.poll() is None
    transport = httpx.HTTPTransport(retries=10)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_ends_in_order_and_keeps_everything(
    tmp_path: Path, port: int, number: int
) -> None:
    """Exit code 0, a sound store, and the user is there the next time."""
    arguments = ("demo", "--data", f"{tmp_path}/data", "--port", str(port))
    user = {"username": "donald-le", "fullName": "Donald Le"}
    with started(*arguments) as process:
        with _client(port, process) as client:
            assert client.post("/users", json=user).status_code == 201
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert backstory("verify", f"sqlite:///{tmp_path}/data/events.db").code == 0
    with started(*arguments) as process:
        with _client(port, process) as client:
            assert client.post("/users", json=user).status_code == 409
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0


def test_a_port_that_is_taken_is_one_clear_message(tmp_path: Path) -> None:
    """The most frequent failure of the first minute."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = backstory("demo", "--data", f"{tmp_path}/data", "--port", str(port))
    assert done.code == 3
    assert str(port) in done.err
    assert "Traceback" not in done.err


def test_a_directory_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "data").write_text("a file")
    done = backstory("demo", "--data", f"{tmp_path}/data/here")
    assert done.code == 3
    assert f"{tmp_path}/data/here" in done.err
    assert "Traceback" not in done.err
