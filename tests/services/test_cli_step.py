"""`backstory step`: commands from a pipe, runs for scripts, and somebody at a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from backstory import NewEvent, open_store
from tests.services.command import PATIENCE, Outcome, backstory, environment

APP: Final = ("--app", "backstory.demo.app:users")
OPENED: Final = "2026-01-02T03:04:05.678000Z"
HAPPENED: Final[Sequence[tuple[str, str, dict[str, object]]]] = (
    ("user-ann", "user-created", {"username": "ann", "fullName": "Ann", "openedAt": OPENED}),
    ("user-bob", "user-created", {"username": "bob", "fullName": "\x1b[31mB", "openedAt": OPENED}),
    ("user-ann", "user-renamed", {"fullName": "Ann A."}),
    ("order-1", "placed", {"what": "tea"}),
    ("user-ann", "user-renamed", {"fullName": "Ann B."}),
    ("user-bob", "user-created", {"username": "bob", "fullName": "Twice", "openedAt": OPENED}),
    ("user-ann", "user-deleted", {}),
)
SLOW: Final = """
import time
import msgspec
from sqlalchemy import Column, Integer, MetaData, Table, insert
from backstory import Application, EventType, Projection, Schema

class Joined(msgspec.Struct):
    n: int

table = Table("member", MetaData(), Column("n", Integer, primary_key=True))
members = Projection("members", tables=[table])

@members.on(Joined)
def joined(event, recorded):
    time.sleep(0.05)
    yield insert(table), {"n": event.n}

app = Application(name="slow", schema=Schema(EventType("joined", Joined)), projections=(members,))
"""
PROMPT: Final = re.compile(rb"\(\d+\) $")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a store in which all of that happened, at positions 1 to 7."""
    place = f"sqlite:///{tmp_path_factory.mktemp('step')}/events.db"

    async def fill() -> None:
        store = await open_store(place)
        for stream, kind, data in HAPPENED:
            await store.append(stream, [NewEvent.of(kind, data)])
        await store.close()

    asyncio.run(fill())
    return place


def step(url: str, *options: str, commands: str = "") -> Outcome:
    """Step through the store at *url*."""
    return backstory("step", url, *APP, *options, stdin=commands)


def fields(done: Outcome) -> list[list[str]]:
    """Return the fields of each line of stdout."""
    return [line.split("\t") for line in done.lines]


def test_a_pipe_of_commands_gets_lines_of_fields(url: str) -> None:
    """No prompt and no word among the data; the event at the moment is the next one."""
    done = step(url, "--at", "user-ann@1", commands="# look\n\nn\nwhere\nq\nnonsense\n")
    assert done.code == 0
    event, state, user, revision, *where = fields(done)
    assert (event[:2], event[3:]) == (
        ["done", "3"],
        ["user-ann", "1", "user-renamed", '{"fullName":"Ann A."}'],
    )
    assert state == ["state", "full_name", "changed", '"Ann"', '"Ann A."']
    assert (user[:3], revision[1:3]) == (["row", "user", "updated"], ["user_revision", "updated"])
    assert [line[:2] for line in where] == [["position", "3"], ["last", "3"], ["next", "4"]]
    assert "at position 2; next: position 3" in done.err


def test_a_pipe_looks_around_at_every_position(url: str) -> None:
    """States and rows are those of where it stands, forwards and back."""
    commands = (
        "n\nstate\nrows user where username=ann\nb\n"
        "s user-ann\nsql SELECT \"fullName\", 'a:b' FROM user WHERE id = 1\n"
    )
    done = step(url, "--at", "3", commands=commands)
    assert done.code == 0
    lines = fields(done)
    assert lines[4] == [
        "user-ann",
        "1",
        '{"username":"ann","full_name":"Ann A.","opened_at":"2026-01-02T03:04:05.678000Z"}',
    ]
    assert lines[5] == ["1", "ann", OPENED, "Ann A."]
    assert lines[6][:2] == ["undone", "3"]
    assert lines[-2][1] == "0"
    assert lines[-1] == ["Ann", "a:b"]


def test_breakpoints_stop_a_pipe_of_commands_forwards_and_back(url: str) -> None:
    """Each is numbered, listed and taken away again."""
    commands = (
        "break path user.fullName where username=ann\nbreak type user-d*\nbreak failure\n"
        "c\nc\nclear 1\nc\nc\nrc\nbreaks\nclear all\nrc\n"
    )
    done = step(url, "--at", "1", commands=commands)
    assert done.code == 0
    lines = fields(done)
    stops = [line[:2] for line in lines if line[0] in ("done", "undone")]
    assert stops == [["done", "1"], ["done", "3"], ["done", "6"], ["done", "7"], ["undone", "7"]]
    assert lines[-2:] == [["2", "type user-d*"], ["3", "failure"]]
    failed = next(line for line in lines if line[0] == "failed")
    assert failed[1:3] == ["users", "IntegrityError: UNIQUE constraint failed: user.username"]
    assert "demo/projection.py:" in failed[3]
    assert ["standing", "users"] in lines
    assert "this is the beginning of the history" in done.err


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("nxt", "did you mean 'next'?"),
        ("n 0", "a count is a number from 1 up"),
        ("break path user.fulName", "it has id, username, createdAt, fullName"),
        ("sql DELETE FROM user", "the query cannot be asked"),
    ],
)
def test_a_pipe_ends_at_the_first_wrong_command(url: str, wrong: str, words: str) -> None:
    """Whoever wrote the script is told which line it was; what came before was done."""
    done = step(url, "--at", "3", commands=f"n\n{wrong}\nn\n")
    assert done.code == 2
    assert [line[1] for line in fields(done) if line[0] == "done"] == ["3"]
    assert f"line 2: {wrong}" in done.err
    assert words in done.err


def test_json_holds_all_of_each_step(url: str) -> None:
    """One line for each: the event as `read --json` has it, the states, the rows, the failures."""
    done = step(url, "--from", "5", "--at", "head", "--count", "9", "--json")
    assert (done.code, done.err) == (0, "")
    renamed, failed, deleted = done.objects
    event = renamed["event"]
    assert isinstance(event, dict)
    assert (event["position"], event["data"]) == (5, {"fullName": "Ann B."})
    user = {"username": "ann", "full_name": "Ann B.", "opened_at": OPENED}
    assert renamed["after"] == {"revision": 2, "state": user}
    assert renamed["changes"][0] == {  # type: ignore[index]  # any JSON
        "table": "user",
        "kind": "updated",
        "before": {"id": 1, "username": "ann", "createdAt": OPENED, "fullName": "Ann A."},
        "after": {"id": 1, "username": "ann", "createdAt": OPENED, "fullName": "Ann B."},
    }
    assert list(failed["failures"]) == ["users"]  # type: ignore[call-overload]  # any JSON
    assert (renamed["failures"], failed["standing"], deleted["standing"]) == ({}, [], ["users"])
    assert (renamed["step"], renamed["fold_failure"], renamed["parked"]) == ("done", None, {})


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        (["--until-type", "user-renamed"], ["3"]),
        (["--until-stream", "user-a*", "--count", "2", "--at", "2"], ["3", "5"]),
        (["--until", "path user.fullName where username=ann", "--backwards"], ["5"]),
        (["--until", "path user-ann:full_name", "--from", "4", "--at", "6"], ["5"]),
        (["--until", "failure", "--until-type", "placed", "--count", "5"], ["4", "6"]),
        (["--where", "after and after.full_name == 'Ann B.'"], ["5"]),
        (["--where", "event.fullNmae"], []),
        (["--until-type", "user-deleted", "--from", "1", "--at", "6"], []),
    ],
)
def test_a_run_prints_what_it_was_to_find(
    url: str, options: list[str], positions: list[str]
) -> None:
    """Exit code 1 when there is none, and the reason where an expression never could hold."""
    done = step(url, *options)
    assert [line[1] for line in fields(done) if line[0] in ("done", "undone")] == positions
    assert done.code == (0 if positions else 1)
    assert ("fullNmae" in done.err) == ("event.fullNmae" in options)


def test_a_projection_that_lagged_is_not_brought_on(url: str) -> None:
    """Stepping would else hide that the row was not there yet when somebody looked."""
    done = step(url, "--at", "1", "--behind", "users=2", commands="n 3\nrows user\n")
    assert [line for line in fields(done) if line[0] == "row" and line[2] == "updated"] == []
    assert [line[3] for line in fields(done)[-2:]] == ["Ann", r"\u001b[31mB"]


class Somebody:
    """Who sits at a terminal and types."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        """Sit at the terminal of *process*."""
        self._leader = leader
        self.process = process

    def types(self, text: str) -> str:
        """Type *text* and return what is shown until the next prompt, or the end."""
        os.write(self._leader, text.encode())
        return self.sees()

    def sees(self) -> str:
        """Return what is shown until the next prompt, or the end."""
        shown, end = b"", time.monotonic() + PATIENCE
        while not PROMPT.search(shown) and time.monotonic() < end:
            if not select.select([self._leader], [], [], 0.1)[0]:
                continue
            try:
                chunk = os.read(self._leader, 65_536)
            except OSError:  # how Linux says that nobody holds the other end any more
                break
            shown += chunk
        return shown.decode()


@contextmanager
def at_a_terminal(*arguments: str, path: Path | None = None) -> Iterator[Somebody]:
    """Give somebody at a terminal in which the command runs; it is gone at the end."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (40, 100))
    more = {} if path is None else {"PYTHONPATH": str(path)}
    process = subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, "-m", "backstory", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment({"TERM": "xterm-256color", **more}),
    )
    os.close(follower)
    try:
        yield Somebody(leader, process)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_somebody_at_a_terminal_sees_each_step_and_may_err(url: str) -> None:
    """A prompt with the position, colours, and nothing that an event could do to the screen."""
    with at_a_terminal("step", url, *APP, "--at", "2") as somebody:
        assert somebody.sees().endswith("(1) ")
        shown = somebody.types("n\n")
        assert shown.endswith("(2) ")
        assert "\x1b[31mB" not in shown
        assert r"\u001b[31mB" in shown
        assert "\x1b[1;32muser-created" in shown
        assert "did you mean 'next'?" in somebody.types("nxt\n")
        again = somebody.types("n\n")
        assert "fullName" in again
        assert somebody.types("\n").endswith("(4) ")  # an empty line does the same again
        assert "undone" in somebody.types("b 2\n")
        assert "reverse-continue" in somebody.types("help\n")
        somebody.types("\x04")
        assert somebody.process.wait(PATIENCE) == 0


def test_ctrl_c_ends_the_command_and_not_the_session(tmp_path: Path) -> None:
    """A long run is broken off between two events, and stepping goes on from there."""
    (tmp_path / "slow_app.py").write_text(SLOW)
    place = f"sqlite:///{tmp_path}/events.db"

    async def fill() -> None:
        store = await open_store(place)
        await store.append("member-1", [NewEvent.of("joined", {"n": n}) for n in range(200)])
        await store.close()

    asyncio.run(fill())
    options = ("--app", "slow_app:app", "--at", "1", "--no-fences")
    with at_a_terminal("step", place, *options, path=tmp_path) as somebody:
        assert somebody.sees().endswith("(0) ")
        somebody.types("break failure\n")
        time.sleep(0.5)  # Python's readline misses a signal right behind the prompt
        somebody.process.send_signal(signal.SIGINT)  # at the prompt it does nothing
        assert somebody.sees().endswith("(0) ")
        timer = threading.Timer(0.7, somebody.process.send_signal, [signal.SIGINT])
        timer.start()
        found = re.search(r"broken off at position (\d+)", somebody.types("c\n"))
        assert found is not None
        assert 0 < int(found[1]) < 200
        assert somebody.types("n\n").endswith(f"({int(found[1]) + 1}) ")
        somebody.types("q\n")
        assert somebody.process.wait(PATIENCE) == 0
