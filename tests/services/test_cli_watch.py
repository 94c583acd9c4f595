from __future__ import annotations

import json
import signal
from pathlib import Path
from subprocess import Popen

import pytest

from tests.services.command import PATIENCE, backstory, filled, started


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a store of three events."""
    return filled(tmp_path / "events.db", {"member-1": 2, "club-1": 1})


def _next_positions(process: Popen[str], count: int) -> list[int]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline())["position"] for _ in range(count)]


def _wait_until_it_follows(process: Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], []),
        (["--from-start"], [1, 2, 3]),
        (["--from", "2"], [2, 3]),
        (["--from", "4"], []),
        (["--from-start", "--stream", "member-1"], [1, 2]),
        (["--from-start", "--category", "club"], [3]),
        (["--from-start", "--type", "joined"], [1, 2, 3]),
    ],
)
def test_watching_begins_where_it_is_told_to(
    url: str, options: list[str], first: list[int]
) -> None:
    """What comes next, or from a position on; then what other processes append."""
    with started("watch", url, *options, "--json") as process:
        _wait_until_it_follows(process)
        assert _next_positions(process, len(first)) == first
        if options:
            return
        backstory("append", url, "member-2", "joined")
        backstory("append", url, "member-2", "left")
        assert _next_positions(process, 2) == [4, 5]


def test_each_event_is_shown_when_it_is_appended(url: str) -> None:
    """A pipe does not hold lines back until a buffer is full."""
    with started("watch", url, "--type", "left") as process:
        assert (
            _wait_until_it_follows(process) == f"following {url} behind position 3; Ctrl-C ends\n"
        )
        backstory("append", url, "member-2", "joined")
        backstory("append", url, "member-2", "left")
        assert process.stdout is not None
        assert process.stdout.readline().split("\t")[4] == "left"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_watching_in_order(url: str, number: int) -> None:
    """Exit code 0: being told to end is how watching ends."""
    with started("watch", url, "--from-start") as process:
        _wait_until_it_follows(process)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert backstory("verify", url).code == 0


def test_a_second_signal_ends_what_cannot_end_in_order(tmp_path: Path) -> None:
    """Nobody reads the pipe, so what was read can never be written."""
    url = filled(tmp_path / "large.db", {"member-1": 9_000})
    with started("watch", url, "--from-start") as process:
        _wait_until_it_follows(process)
        assert process.stdout is not None
        process.stdout.read(1)  # it is writing, and the pipe is too small for all of it
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("options", [["--from", "9"], ["--from", "1", "--from-start"]])
def test_a_beginning_that_makes_no_sense_is_a_usage_error(url: str, options: list[str]) -> None:
    """Waiting for a position that may never come would look like an idle store."""
    done = backstory("watch", url, *options)
    assert (done.code, done.out) == (2, "")
    assert done.err
