from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS, PostgresServer

_START = """
import sys, time
from tests.servers.postgres import PostgresServer
server = PostgresServer()
print(server.folder, flush=True)
time.sleep(60)
"""
_ROOT = Path(__file__).parents[2]


def _is_alive(pid: int) -> bool:
    """Say whether the process does anything yet; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
def test_the_server_is_of_the_version_that_was_asked_for(
    postgres: Server, request: pytest.FixtureRequest
) -> None:
    """A matrix of versions that all run the same one proves nothing."""
    ((shown,),) = postgres.execute("SHOW server_version")
    assert str(shown).startswith(f"{request.node.callspec.params['postgres']}.")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    """However the tests end, no server, no folder and no shared memory stays behind."""
    with subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, "-c", _START],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        lines = (folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        process.send_signal(number)
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not folder.exists()
    assert not _is_alive(int(lines[0]))
    segments = Path("/proc/sysvipc/shm")
    if segments.exists():
        in_use = [line.split()[1] for line in segments.read_text(encoding="utf-8").splitlines()]
        assert lines[6].split()[1] not in in_use


def test_what_was_committed_survives_a_crash(own_postgres: PostgresServer) -> None:
    """Tests of crashes rely on it; the port stays too."""
    url = own_postgres.create()
    own_postgres.execute("CREATE TABLE kept AS SELECT 1 AS n", name_of(url))
    own_postgres.restart()
    own_postgres.crash()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    assert own_postgres.execute("SHOW fsync") == [("on",)]


def test_connections_can_be_broken_one_database_at_a_time(postgres: Server) -> None:
    """A test breaks its own connections and nobody else's."""
    urls = [postgres.create(), postgres.create()]
    broken, kept = (psycopg.connect(url) for url in urls)
    with broken, kept:
        assert postgres.terminate(name_of(urls[0])) == 1
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            broken.execute("SELECT 1")
        assert kept.execute("SELECT 1").fetchone() == (1,)


def test_a_paused_server_answers_nobody_until_it_goes_on(own_postgres: PostgresServer) -> None:
    """Silence is another fault than a refused connection: it must be possible to make it."""
    with psycopg.connect(own_postgres.url("postgres"), autocommit=True) as connection:
        with own_postgres.paused():
            connection.pgconn.send_query(b"SELECT 2")
            time.sleep(0.05)
            connection.pgconn.consume_input()
            assert connection.pgconn.is_busy()
        result = connection.pgconn.get_result()
        assert result is not None
        assert result.get_value(0, 0) == b"2"
        assert connection.pgconn.get_result() is None


def test_psql_shows_what_is_there(own_postgres: PostgresServer) -> None:
    """What people look with is there for tests as well."""
    assert own_postgres.psql("postgres", "SELECT 'a', 1") == "a|1\n"
