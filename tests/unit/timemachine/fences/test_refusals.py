"""A replay reaches nothing outside: neither the network nor another process."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from backstory.core.errors import FenceCrossed
from backstory.timemachine.fences.fences import Fences, Kind
from tests.unit.timemachine.fences.conftest import Written
from tests.unit.timemachine.fences.events import behind


class Reaching(NamedTuple):
    """A call in a user's code that reaches outside, what it is called, and what it reaches for."""

    call: str
    what: str
    kind: Kind

    def __str__(self) -> str:
        """Return the call, for pytest."""
        return self.call


CALLS = [
    Reaching("socket.create_connection(there)", "socket.create_connection()", Kind.NETWORK),
    Reaching("own.connect(there)", "own.connect()", Kind.NETWORK),
    Reaching("own.sendto(b'.', there)", "own.sendto()", Kind.NETWORK),
    Reaching("socket.getaddrinfo('localhost', 1)", "socket.getaddrinfo()", Kind.NETWORK),
    Reaching("urlopen(f'http://127.0.0.1:{there[1]}')", "urllib.request.urlopen()", Kind.NETWORK),
    Reaching("subprocess.run(['true'])", "subprocess.run()", Kind.PROCESS),
    Reaching("os.system('true')", "os.system()", Kind.PROCESS),
    Reaching("os.fork()", "os.fork()", Kind.PROCESS),
]
SOURCE = """\
import os, socket, subprocess; from urllib.request import urlopen


def handle(there, own):
    return {call}
"""


@pytest.mark.parametrize("reaching", CALLS, ids=str)
def test_what_reaches_outside_is_refused_and_reported(reaching: Reaching, written: Written) -> None:
    """A handler that mails customers must not mail them once more for each debugging session."""
    application = written("application.py", SOURCE.format(call=reaching.call))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
        Fences() as fences,
    ):
        server.settimeout(0)
        there = server.getsockname()
        with pytest.raises(FenceCrossed) as caught:
            behind(fences, lambda: application.handle(there, own))
        with pytest.raises(BlockingIOError):
            server.accept()
    place = f"{application.__file__}:5 (handle)"
    assert (caught.value.what, caught.value.place) == (reaching.what, place)
    assert f"{reaching.what} at {place} was refused" in str(caught.value)
    [leak] = fences.leaks
    assert (leak.what, leak.kind, leak.line) == (reaching.what, reaching.kind, 5)


def test_the_world_is_reached_again_once_the_event_is_done() -> None:
    """The commands of the time machine themselves read stores over the network."""
    with Fences() as fences:
        behind(fences, lambda: None)
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
        assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0
    assert fences.leaks == ()


OPENING = """\
from pathlib import Path


def handle(file):
    {call}
"""


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("open(file, 'w').close()", "open()"),
        ("open(file).close()", "open()"),
        ("Path(file).write_text('')", "write_text()"),
        ("Path(file).read_bytes()", "read_bytes()"),
    ],
)
def test_a_file_is_opened_but_reported(
    call: str, what: str, written: Written, tmp_path: Path
) -> None:
    """What a file holds today is not what it held when the event happened."""
    file = tmp_path / "rates.json"
    file.write_text("{}", encoding="utf-8")
    application = written("application.py", OPENING.format(call=call))
    with Fences() as fences:
        behind(fences, lambda: application.handle(file))
    [leak] = fences.leaks
    assert leak.what.endswith(what)
    assert (leak.kind, leak.file, leak.line) == (Kind.FILE, application.__file__, 5)


LATE = """\
def handle():
    import late_data
    from zoneinfo import ZoneInfo
    return ZoneInfo("Europe/Berlin"), late_data
"""


def test_files_that_python_opens_for_itself_are_nobodys_leak(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import within a function is no dependence on anything that changes."""
    (tmp_path / "late_data.py").write_text("NOTHING = None", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    application = written("application.py", LATE)
    with Fences() as fences:
        behind(fences, application.handle)
    del sys.modules["late_data"]
    assert fences.leaks == ()
