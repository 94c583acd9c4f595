"""The `backstory` command as a process of its own, the way a shell starts it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from backstory import NewEvent, open_store

PATIENCE: Final = 30


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
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-m", "backstory", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        check=False,
        env=environment(settings),
        timeout=PATIENCE,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


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
    process = subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, "-m", "backstory", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment({"TERM": "xterm-256color"}),
    )
    os.close(follower)
    shown = b"".join(_shown(leader))
    os.close(leader)
    return process.wait(PATIENCE), shown.decode()


def _shown(leader: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(leader, 65_536):
            yield chunk
    except OSError:  # how Linux says that nobody holds the other end any more
        return
