"""What Python tells about sockets, processes and files before it touches them (PEP 578).

An audit hook stays for the life of a process; ours looks no further than the name of an event,
except in a thread that is behind the fences. Drivers in C, such as those of our read models, do
not tell: writing to the database is what a handler is for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from backstory.timemachine.fences.crossing import Crossing, here
from backstory.timemachine.fences.leak import Kind
from backstory.timemachine.fences.places import Place

_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(
        (
            "socket.bind",
            "socket.connect",
            "socket.getaddrinfo",
            "socket.gethostbyaddr",
            "socket.gethostbyname",
            "socket.getnameinfo",
            "socket.sendmsg",
            "socket.sendto",
        ),
        Kind.NETWORK,
    ),
    **dict.fromkeys(
        (
            "os.exec",
            "os.fork",
            "os.forkpty",
            "os.posix_spawn",
            "os.spawn",
            "os.startfile",
            "os.system",
            "pty.spawn",
            "subprocess.Popen",
        ),
        Kind.PROCESS,
    ),
    "open": Kind.FILE,
}

_OPENING: Final = frozenset({"open()", "os.open()"})
_OPENING_MODULES: Final = frozenset(
    {"bz2", "codecs", "gzip", "io", "lzma", "os", "pathlib", "shutil", "tempfile", "zipfile"}
)


def _opens_a_file(place: Place) -> bool:
    """Say whether a user's line opens a file, rather than something for itself.

    An import does that, a time zone, and a library that has data of its own.
    """
    return place.through <= _OPENING_MODULES if place.through else place.what in _OPENING


@cache
def watch() -> None:
    """Add the hook, once in the life of a process."""
    sys.addaudithook(_hook())


def _hook() -> Callable[[str, tuple[object, ...]], None]:
    # Names of its own: a hook is called until the very end, when modules are empty already.
    kind_of, threads, opens, null = _KINDS.get, here, _opens_a_file, os.devnull

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        kind = kind_of(event)
        if kind is None:
            return
        crossing: Crossing | None = threads.crossing
        if crossing is None:
            return
        if kind is not Kind.FILE:
            crossing.leaks(kind)
        elif not isinstance(arguments[0], int) and arguments[0] != null:
            crossing.leaks(kind, only=opens)

    return hook
