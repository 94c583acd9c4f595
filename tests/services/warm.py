"""A process that has imported what commands need, and forks for each of them.

Starting Python and importing an ORM takes longer than most commands do. A forked child is a process
of its own all the same, with its own memory, standard streams, directory, environment and exit
code.
What an application imports (`--app`) is imported by the child alone, anew each time.
"""

from __future__ import annotations

import array
import gc
import io
import json
import os
import socket
import struct
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

_LENGTH: Final = struct.Struct("!I")

_MODULES: Final = (
    "apsw", "asyncpg", "backstory.cli.program", "backstory.demo", "backstory.projections",
    "backstory.stores.open", "backstory.stores.postgres.store", "backstory.stores.sqlite.store",
    "backstory.testing", "backstory.timemachine", "rich.console", "rich.table", "sqlalchemy",
    "sqlalchemy.ext.asyncio", "time_machine", "uvloop",
)  # fmt: skip
"""What most commands import sooner or later."""


class Warm:
    """Starts commands as children of the process that has imported everything."""

    def __init__(self, connection: socket.socket) -> None:
        """Ask over *connection*, which leads to `serve_forks`."""
        self._connection = connection

    def start(self, arguments: list[str], environment: dict[str, str], streams: list[int]) -> None:
        """Start `backstory *arguments` with file descriptors as standard streams."""
        asked = json.dumps([arguments, environment, str(Path.cwd())]).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
        self._connection.sendmsg([_LENGTH.pack(len(asked))], rights)
        self._connection.sendall(asked)

    def pid(self) -> int:
        """Return the process id of the command just started."""
        return int(_LENGTH.unpack(_exactly(self._connection, _LENGTH.size))[0])

    def result(self) -> int:
        """Wait for the end of the command and return its exit code, negative for a signal."""
        return int(struct.unpack("!i", _exactly(self._connection, 4))[0])


def serve_forks(connection: socket.socket) -> None:
    """Fork for each command that is asked for over *connection*, one after the other."""
    for module in _MODULES:
        import_module(module)
    gc.collect()
    gc.freeze()  # a child that collects would copy every page
    while True:
        fds = array.array("i")
        message, ancillary, _, _ = connection.recvmsg(
            _LENGTH.size, socket.CMSG_SPACE(3 * fds.itemsize)
        )
        if not message:
            return
        for _, _, data in ancillary:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        arguments, environment, directory = json.loads(
            _exactly(connection, _LENGTH.unpack(message)[0])
        )
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become(arguments, environment, directory, list(fds))
            return
        for fd in fds:
            os.close(fd)
        connection.sendall(_LENGTH.pack(pid))
        _, status = os.waitpid(pid, 0)
        connection.sendall(struct.pack("!i", os.waitstatus_to_exitcode(status)))


def _become(
    arguments: list[str], environment: dict[str, str], directory: str, streams: list[int]
) -> None:
    """Turn this process into the command, as far as it can see."""
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    more = environment.get("PYTHONPATH")
    sys.path[:1] = [directory, *(more.split(os.pathsep) if more else ())]  # as `python -m` does
    sys.argv = ["backstory", *arguments]
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8")
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(number, "w", closefd=False)
        terminal = raw.isatty() or name == "stderr"
        errors = "backslashreplace" if name == "stderr" else "strict"
        writer = io.TextIOWrapper(
            io.BufferedWriter(raw), "utf-8", errors=errors, line_buffering=terminal
        )
        setattr(sys, name, writer)
    sys.exit(import_module("backstory.cli.program").main())


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            text = "the process that starts commands is gone"
            raise ConnectionError(text)
        found += part
    return bytes(found)


if __name__ == "__main__":
    serve_forks(socket.socket(fileno=int(sys.argv[1])))
