"""The `backstory` command as a process of its own, the way a shell starts it.

Most tests need a process, not its start: theirs are forked from one that has imported everything.
Those that start several, send signals or leave processes behind start Python anew (`started`).
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, NamedTuple

from backstory import NewEvent, open_store
from tests.services import warm
from tests.services.warm import Warm

PATIENCE: Final = 90


class Outcome(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Return the lines of stdout."""
        return self.out.splitlines()

    @property
    def objects(self) -> list[dict[str, object]]:
        """Return what each line of stdout holds as JSON."""
        return [json.loads(line) for line in self.lines]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment without settings of Backstory, but for *more*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKSTORY_")}
    return {**kept, **(more or {})}


def backstory(
    *arguments: str, stdin: str | bytes = b"", settings: Mapping[str, str] | None = None
) -> Outcome:
    """Run the command to its end."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin.encode() if isinstance(stdin, str) else stdin)
        given.seek(0)
        streams = [each.fileno() for each in (given, out, err)]
        code = _ended(arguments, environment(settings), streams)
        for written in (out, err):
            written.seek(0)
        return Outcome(code, out.read().decode(), err.read().decode())


_one_at_a_time: Final = threading.Lock()


@cache
def _warm() -> Warm:
    """Start the process that forks for each command; it ends when this one does."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, warm.__file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    theirs.close()
    ours.settimeout(PATIENCE)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return Warm(ours)


def _ended(arguments: Sequence[str], settings: dict[str, str], streams: list[int]) -> int:
    with _one_at_a_time:
        command = _warm()
        command.start(list(arguments), settings, streams)
        pid = command.pid()
        try:
            return command.result()
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            command.result()
            raise


@contextmanager
def started(
    *arguments: str, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Give the running command, which is gone when the block ends."""
    process = subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, "-m", "backstory", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(settings),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def filled(path: Path, streams: Mapping[str, int]) -> str:
    """Return the URL of a new store at *path* with so many `joined` events in each stream."""
    url = f"sqlite:///{path}"

    async def fill() -> None:
        store = await open_store(url)
        for stream, count in streams.items():
            events = [NewEvent.of("joined", {"n": number}) for number in range(count)]
            await store.append(stream, events)
        await store.close()

    asyncio.run(fill())
    return url


def in_terminal(*arguments: str) -> tuple[int, str]:
    """Run the command in a terminal of 100 columns; return its exit code and all it shows."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (40, 100))
    shown: list[bytes] = []
    reader = threading.Thread(target=lambda: shown.extend(_shown(leader)), name="terminal")
    reader.start()
    try:
        code = _ended(arguments, environment({"TERM": "xterm-256color"}), [follower] * 3)
    finally:
        os.close(follower)
        reader.join(PATIENCE)
        os.close(leader)
    return code, b"".join(shown).decode()


def _shown(leader: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(leader, 65_536):
            yield chunk
    except OSError:  # how Linux says that nobody holds the other end any more
        return
