from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.command import PATIENCE, backstory, environment, filled, started


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a store of two streams in two categories: positions 1 to 3 and 4 to 5."""
    return filled(tmp_path / "events.db", {"member-1": 3, "club-1": 2})


def _positions(*arguments: str) -> list[int]:
    done = backstory("read", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return [int(str(line["position"])) for line in done.objects]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [1, 2, 3, 4, 5]),
        (["--stream", "club-1"], [4, 5]),
        (["--stream", "member-1", "--after", "0", "--before", "2"], [2]),
        (["--category", "member"], [1, 2, 3]),
        (["--type", "left", "--type", "joined", "--limit", "2"], [1, 2]),
        (["--type", "left"], []),
        (["--after", "1", "--before", "5"], [2, 3, 4]),
        (["--until", "2"], [1, 2]),
        (["--backwards", "--limit", "2"], [5, 4]),
        (["--stream", "no-such"], []),
    ],
)
def test_each_option_leaves_what_it_says(url: str, options: list[str], expected: list[int]) -> None:
    """The command line asks what `Read` can ask."""
    assert _positions(url, *options) == expected


def test_a_pipe_gets_one_line_of_fields_for_each_event(url: str) -> None:
    """`cut` and `awk` need tabs and nothing else."""
    done = backstory("read", url, "--stream", "club-1")
    assert [line.split("\t")[0] for line in done.lines] == ["4", "5"]
    position, recorded_at, *rest = done.lines[1].split("\t")
    assert (position, rest) == ("5", ["club-1", "1", "joined", '{"n":1}'])
    assert recorded_at.endswith("Z")


def test_a_reader_that_had_enough_is_no_error(tmp_path: Path) -> None:
    """`backstory read … | head` ends quietly, as `cat` does."""
    url = filled(tmp_path / "events.db", {"member-1": 9_000})
    command = [sys.executable, "-m", "backstory", "read", url, "--json"]
    with subprocess.Popen(  # noqa: S603 - our own Python
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_reading_early_and_says_so(tmp_path: Path, number: int, code: int) -> None:
    """The code tells a script that what it got is not all; each line it got is whole."""
    url = filled(tmp_path / "large.db", {"member-1": 9_000})
    with started("read", url) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # it is writing, and the pipe is too small for all of it
        process.send_signal(number)
        lines = [first, *process.stdout]
        assert process.wait(PATIENCE) == code
    assert len(lines) < 9_000
    assert all(line.count("\t") == 5 for line in lines)
    assert lines[-1].endswith("\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="declared: only Linux has /dev/full")
def test_output_that_cannot_be_written_is_told(url: str) -> None:
    """A file that was cut short must not look complete to a script."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - our own Python
            [sys.executable, "-m", "backstory", "read", url],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env=environment(),
        )
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("command", ["read", "watch", "stats", "verify"])
def test_a_command_that_reads_never_creates_a_store(tmp_path: Path, command: str) -> None:
    """A typing error in the URL must not leave an empty store behind."""
    for query in ("", "?mode=rwc"):
        done = backstory(command, f"sqlite:///{tmp_path}/typo.db{query}")
        assert done.code == 3
        assert "typo.db does not exist" in done.err
        assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    """Exit code 4 tells it from a store that is merely away."""
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 1_000)
    done = backstory("read", f"sqlite:///{path}")
    assert done.code == 4
    assert "not a Backstory store" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ["--stream", "a", "--category", "b"],
        ["--limit", "0"],
        ["--after", "x"],
        ["--no-such-option"],
        ["--until", "99999999999999999999"],
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(url: str, options: list[str]) -> None:
    """Exit code 2 and one message, before anything is read."""
    done = backstory("read", url, *options)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert "Traceback" not in done.err
