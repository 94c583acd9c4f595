"""`backstory serve`: a store on one port, for official clients, browsers and Prometheus."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import AccessDeniedError, KurrentDBClientError

from tests.services.command import PATIENCE, backstory, started

PASSWORD = "correct-horse"  # noqa: S105 - of a user of these tests


class Serving:
    """A server that runs, and where."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read from *process* where it listens."""
        assert process.stderr is not None
        self.process = process
        self.said = ""
        while "browsers" not in self.said:
            line = process.stderr.readline()
            assert line, self.said
            self.said += line
        self.clients = self._after("clients")
        self.browsers = self._after("browsers")

    def _after(self, word: str) -> str:
        found = re.search(rf"{word}\s+(\S+)", self.said)
        assert found
        return found[1]


@contextmanager
def serving(*arguments: str) -> Iterator[Serving]:
    """Give a server on a free port."""
    with started("serve", *arguments, "--port", "0") as process:
        yield Serving(process)


@pytest.fixture
def users(tmp_path: Path) -> str:
    """Give a file with an admin, a writer and a reader."""
    file = str(tmp_path / "users.toml")
    for name, role in (("admin", "admin"), ("ann", "writer"), ("ray", "reader")):
        done = backstory(
            "users", "add", name, "--role", role, "--file", file, stdin=f"{PASSWORD}\n"
        )
        assert (done.code, done.out) == (0, "")
    return file


def test_one_port_serves_clients_browsers_and_prometheus(tmp_path: Path) -> None:
    """And ends in order on SIGTERM, with everything kept."""
    url = f"sqlite:///{tmp_path}/events.db"
    with serving(url) as server:
        assert f"serving {url}" in server.said
        with KurrentDBClient(server.clients) as client:
            event = NewEvent(type="user-created", data=b'{"username":"donald"}')
            client.append_to_stream("user-donald", current_version=StreamState.ANY, events=[event])
            assert httpx.get(f"{server.browsers}/health/live").status_code == 204
            page = httpx.get(f"{server.browsers}/streams/user-donald")
            assert (page.status_code, "donald" in page.text) == (200, True)
            assert f"backstory read {url} --stream user-donald" in page.text
            metrics = httpx.get(f"{server.browsers}/metrics").text
            assert "backstory_append_events_total 2.0" in metrics, "one is the seed"
            assert re.search(r"backstory_server_connections [1-9]", metrics)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
    assert len(backstory("events", url, "--json").objects) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--host", "0.0.0.0"), "needs TLS .* and users"),  # noqa: S104 - it is refused
        (("--host", "::", "--dev", "certs"), "needs users"),
        (("--tls-cert", "a.pem"), "belong together"),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem"), "no certificate with its key"),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem", "--dev", "certs"), "leave --tls-cert"),
        (("--users", "nobody.toml"), "`backstory users add NAME` makes it"),
        (("--host", "no.such.host.invalid", "--dev", "c", "--users", "USERS"), "cannot listen"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tmp_path: Path,
    users: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    """Before the port is open, with what to do."""
    monkeypatch.chdir(tmp_path)
    named = [users if argument == "USERS" else argument for argument in arguments]
    done = backstory("serve", "memory:", "--port", "0", *named)
    assert done.code == 2
    assert re.search(reason, done.err), done.err


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """With another way."""
    with serving("memory:") as server:
        port = server.browsers.rpartition(":")[2]
        done = backstory("serve", f"sqlite:///{tmp_path}/e.db", "--port", port)
    assert done.code == 2
    assert done.err.endswith("Address already in use; choose another port with --port\n")
    assert done.err.count("\n") == 1


def test_callers_are_asked_who_they_are(tmp_path: Path, users: str) -> None:
    """With TLS, by gRPC and by HTTP alike; each may do what its role may."""
    certificates = tmp_path / "certs"
    with serving("memory:", "--users", users, "--dev", str(certificates)) as server:
        assert f"tlsCAFile={certificates}/authority.pem" in server.clients
        event = NewEvent(type="a", data=b"{}")
        anyone = server.clients.replace("esdb://", "esdb://{}@")
        for credentials in ("ann:wrong", "nobody:correct"):
            with pytest.raises(AccessDeniedError), KurrentDBClient(anyone.format(credentials)) as c:
                c.get_stream("s")
        with KurrentDBClient(anyone.format(f"ann:{PASSWORD}")) as writer:
            writer.append_to_stream("s", current_version=StreamState.ANY, events=[event])
            with pytest.raises(AccessDeniedError):
                writer.tombstone_stream("s", current_version=StreamState.ANY)
            reader = writer.construct_call_credentials("ray", PASSWORD)
            assert len(writer.get_stream("s", credentials=reader)) == 1
            with pytest.raises(AccessDeniedError):
                writer.append_to_stream(
                    "s", current_version=StreamState.ANY, events=[event], credentials=reader
                )
            admin = writer.construct_call_credentials("admin", PASSWORD)
            writer.tombstone_stream("s", current_version=StreamState.ANY, credentials=admin)
        _asked_by_http(server, certificates)


def _asked_by_http(server: Serving, certificates: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    with httpx.Client(base_url=server.browsers, verify=trusting) as http:
        assert http.get("/health/live").status_code == 204
        refused = http.get("/streams")
        assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
        assert http.get("/metrics").status_code == 401
        assert http.get("/streams", auth=("ray", PASSWORD)).status_code == 200
        for header in ("Basic", "Basic !!", "Bearer x", "Basic " + "A" * 9_000, "Basic cmF5"):
            assert http.get("/", headers={"authorization": header}).status_code == 401
    # Who speaks without TLS is sent away, and harms nobody.
    with pytest.raises(httpx.HTTPError):
        httpx.get(server.browsers.replace("https", "http"))
    with pytest.raises(KurrentDBClientError):
        KurrentDBClient(
            server.clients.replace("tls=true", "tls=false") + "&maxDiscoverAttempts=1"
        ).get_stream("s")


def test_users_are_added_listed_and_removed(users: str, tmp_path: Path) -> None:
    """Their passwords are nowhere to be read, and nobody else may read the file."""
    rows = [line.split("\t") for line in backstory("users", "list", "--file", users).lines]
    assert rows == [["admin", "admin"], ["ann", "writer"], ["ray", "reader"]]
    text = Path(users).read_text()
    assert PASSWORD not in text
    assert text.count("$argon2id$") == 3
    assert Path(users).stat().st_mode & 0o777 == 0o600
    changed = backstory("users", "add", "ann", "--file", users, stdin="another one\n")
    assert changed.err == f"changed ann, reader, in {users}\n"
    assert backstory("users", "remove", "ann", "--file", users).code == 0
    assert backstory("users", "remove", "ann", "--file", users).code == 1
    for arguments, stdin in (
        (("bob", "--role", "king"), "long enough"),
        (("bob",), "short"),
        (("a:b",), "long enough"),
    ):
        refused = backstory("users", "add", *arguments, "--file", users, stdin=f"{stdin}\n")
        assert refused.code == 2, refused
    broken = tmp_path / "broken.toml"
    for text in ("[users", "[users.a]\nrole='x'\npassword='y'", "[other]"):
        broken.write_text(text)
        assert backstory("users", "list", "--file", str(broken)).code == 2
