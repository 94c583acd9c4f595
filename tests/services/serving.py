"""The user service as a process of its own, for tests: started, spoken to, ended in every way."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

HOST: Final = "127.0.0.1"
EVENT_SOURCED: Final = "backstory.demo"
CRUD: Final = "backstory.demo.crud"
POSITION: Final = "Backstory-Position"

_PATIENCE: Final = 90.0


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


class Service:
    """One service in one data directory; it may be started again after it ended."""

    def __init__(
        self,
        data: Path,
        *,
        module: str = EVENT_SOURCED,
        port: int = 0,
        settings: Sequence[str] = (),
    ) -> None:
        """Serve *data* with *module*, always at *port* (0: any free one) and with *settings*."""
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self._module = module
        self._port = port
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, *arguments: str) -> None:
        """Start the process and return once it accepts connections."""
        port = ["--port", str(self._port)]
        place = ["--data", str(self.data), *port, *self._settings]
        command = [sys.executable, "-m", self._module, *place, *arguments]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)  # noqa: S603 - our own Python
        deadline = time.monotonic() + _PATIENCE
        while (found := re.search(r"listens on (http://\S+)", self.words())) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                message = f"the service did not start: {self.words()}"
                raise AssertionError(message)
            time.sleep(0.01)
        self.url = found[1]

    def words(self) -> str:
        """Return what it said on stderr since it was started."""
        return self.log.read_text(encoding="utf-8")

    def send(self, number: signal.Signals) -> None:
        """Send the signal *number*."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the process to end and return its exit code."""
        assert self._process is not None
        return self._process.wait(_PATIENCE)

    def kill(self) -> None:
        """End it as a power cut would, if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def shout(self, junk: bytes) -> None:
        """Send *junk* over a connection of its own and hang up."""
        place = httpx.URL(self.url)
        with socket.create_connection((place.host, place.port or 0)) as connection:
            connection.sendall(junk)

    def client(self) -> httpx.Client:
        """Return a client of the service."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)


def seen(client: httpx.Client, written: httpx.Response, path: str) -> httpx.Response:
    """Return what *path* answers once it shows what was *written*."""
    position = written.headers.get(POSITION)
    return client.get(path, headers={} if position is None else {POSITION: position})


def outcome_of(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Return exit code and stderr of a service that is expected to refuse to start."""
    command = [sys.executable, "-m", EVENT_SOURCED, *arguments]
    done = subprocess.run(  # noqa: S603 - our own Python
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        check=False,
        text=True,
        timeout=_PATIENCE,
    )
    return done.returncode, done.stderr
