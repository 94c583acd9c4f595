"""Servers as child processes: started, waited for, and ended whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench.meter import peak_mib

HOST: Final = "127.0.0.1"
_PATIENCE: Final = 30.0
_GRACE: Final = 10.0


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(
    command: Sequence[str],
    port: int,
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Callable[[], float]]:
    """Run *command* in *folder* while the block runs, which begins when *port* answers.

    Yields what tells the server's peak memory in MiB.

    Raises `RuntimeError` with the server's last words when it ends or does not answer.
    """
    log = folder / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - commands of ours
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _await(process, port, log)
            yield partial(peak_mib, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    words = " | ".join(log.read_text(encoding="utf-8", errors="replace").split("\n")[-5:])
    message = f"no server on port {port}: {words}"
    raise RuntimeError(message)
