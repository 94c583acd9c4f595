from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.services.command import PATIENCE, backstory, filled, started


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give the address of a store that is not there yet."""
    return f"sqlite:///{tmp_path}/events.db"


def _data(url: str) -> list[object]:
    return [line["data"] for line in backstory("read", url, "--json").objects]


def test_an_event_is_appended_and_its_place_told(url: str) -> None:
    """The store is made when it is not there; the answer says where the event stands."""
    done = backstory("append", url, "user-1", "joined", '{"n": 1}', "--metadata", '{"by": "Eve"}')
    assert (done.code, done.out, done.err) == (0, "user-1\t0\t1\n", "")
    [event] = backstory("read", url, "--json").objects
    assert (event["data"], event["metadata"]) == ({"n": 1}, {"by": "Eve"})


def test_data_comes_from_the_line_a_file_or_stdin(url: str, tmp_path: Path) -> None:
    """Large or generated data does not fit on a command line."""
    (tmp_path / "data.json").write_text('{"from": "file"}')
    backstory("append", url, "user-1", "joined")
    backstory("append", url, "user-1", "joined", f"@{tmp_path}/data.json")
    backstory("append", url, "user-1", "joined", "-", stdin='{"from": "stdin"}')
    assert _data(url) == [{}, {"from": "file"}, {"from": "stdin"}]


def test_an_append_that_is_repeated_with_its_id_writes_nothing(url: str) -> None:
    """A script may try again."""
    arguments = ("append", url, "user-1", "joined", "{}", "--json", "--id")
    first, second = (
        backstory(*arguments, "01a20731-4a0c-7000-84fd-ebe4669e9093") for _ in range(2)
    )
    assert first == second
    assert first.objects == [{"stream": "user-1", "revision": 0, "position": 1, "events": 1}]
    assert len(_data(url)) == 1


@pytest.mark.parametrize(
    ("expected", "code"), [("any", 0), ("stream-exists", 0), ("0", 0), ("no-stream", 1), ("5", 1)]
)
def test_a_revision_that_was_not_expected_is_exit_code_1(
    url: str, expected: str, code: int
) -> None:
    """A script tells a conflict from every other failure."""
    backstory("append", url, "user-1", "joined")
    done = backstory("append", url, "user-1", "left", "--expected", expected)
    assert done.code == code
    assert len(_data(url)) == 2 - code
    assert ("Nothing was written" in done.err) is bool(code)


@pytest.mark.parametrize(
    "arguments",
    [
        ["user-1", "joined", "hello"],
        ["user-1", "joined", '{"n": NaN}'],
        ["user-1", "joined", "{}", "--metadata", "[]"],
        ["user-1", "joined", "@no-such-file"],
        ["user-1", "joined", "-", "--metadata", "-"],
        ["user-1", "joined", "{}", "--expected", "never"],
        ["user-1", "joined", "{}", "--id", "1"],
        ["user-\u202e1", "joined"],
        ["$all", "joined"],
        ["user-1"],
        ["--lines", "--id", "01a20731-4a0c-7000-84fd-ebe4669e9093"],
        ["--lines", "--expected", "no-stream"],
    ],
)
def test_what_cannot_be_appended_is_a_usage_error(url: str, arguments: list[str]) -> None:
    """Exit code 2, one message, nothing written."""
    done = backstory("append", url, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert backstory("read", url).out == ""


def test_what_read_writes_append_reads(url: str, tmp_path: Path) -> None:
    """One pipe copies a store: ids, order and contents stay, positions are new."""
    source = filled(tmp_path / "source.db", {"member-1": 1_500, "club-1": 2, "member-2": 1})
    backstory("append", source, "member-1", "left", '{"why":\t"age"}')
    before = backstory("read", source, "--json")
    done = backstory("append", url, "--lines", "--json", stdin=before.out)
    assert done.code == 0
    assert done.err == "1,504 events appended\n"
    assert sum(int(str(line["events"])) for line in done.objects) == 1_504
    after = backstory("read", url, "--json")
    kept = ("stream", "revision", "type", "id", "data", "metadata")
    assert [[line[name] for name in kept] for line in after.objects] == [
        [line[name] for name in kept] for line in before.objects
    ]


def test_lines_may_leave_out_what_the_command_line_says(url: str) -> None:
    """Stream and type once, the data on each line."""
    lines = '{"data": 1}\r\n\n{"data": 2, "stream": "other-1"}\n{"data": 3, "type": "left"}'
    assert backstory("append", url, "user-1", "joined", "--lines", stdin=lines).code == 0
    events = backstory("read", url, "--json").objects
    assert [(event["stream"], event["type"], event["data"]) for event in events] == [
        ("user-1", "joined", 1),
        ("other-1", "joined", 2),
        ("user-1", "left", 3),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"metdata": {}}',
        '{"id": 1}',
        '{"type": ""}',
        '{"stream": "$all"}',
        '{"metadata": 1}',
        '{"data": "\ud800"}',
        '{"data_base64": "AA=="}',
    ],
)
def test_the_first_line_that_is_no_event_ends_the_command(url: str, line: str) -> None:
    """Everything before it is stored, nothing after it, and the message names the line."""
    stdin = f'{{"data": 1}}\n{{"data": 2}}\n{line}\n{{"data": 4}}\n'.encode("utf-8", "replace")
    stdin = stdin.replace(b'"?"', b'"\xff"')
    done = backstory("append", url, "user-1", "joined", "--lines", stdin=stdin)
    assert done.code == 2
    assert "2 events appended\nerror: line 3: " in done.err
    assert _data(url) == [1, 2]


def test_lines_can_be_required_to_begin_a_stream(url: str) -> None:
    """The expectation holds for the first line, and that nobody else appended in between."""
    lines = "".join(f'{{"data": {number}}}\n' for number in range(2_500))
    arguments = ("append", url, "user-1", "joined", "--lines", "--expected", "no-stream")
    assert backstory(*arguments, stdin=lines).code == 0
    done = backstory(*arguments, stdin=lines)
    assert done.code == 1
    assert "0 events appended" in done.err
    assert _data(url) == list(range(2_500))


def test_a_line_of_another_stream_cannot_be_expected(url: str) -> None:
    """`--expected` speaks of one stream; guessing which would be worse than stopping."""
    arguments = ("append", url, "user-1", "joined", "--lines", "--expected", "no-stream")
    done = backstory(*arguments, stdin='{}\n{"stream": "user-2"}\n')
    assert done.code == 2
    assert "error: line 2: --expected speaks of 'user-1', the line of 'user-2'" in done.err


def test_a_line_without_a_stream_needs_one_on_the_command_line(url: str) -> None:
    """No stream is made up."""
    done = backstory("append", url, "--lines", stdin='{"type": "joined"}')
    assert done.code == 2
    assert "error: line 1: no stream is named" in done.err


def test_an_event_is_stored_as_soon_as_its_line_comes(url: str) -> None:
    """A slow producer's events do not wait for others to fill a batch."""
    with started("append", url, "user-1", "joined", "--lines", "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(2):
            process.stdin.write(f'{{"data": {number}}}\n')
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["revision"] == number


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_waiting_for_lines(url: str, number: int, code: int) -> None:
    """What came is stored, the store is closed, and the code says that the end was early."""
    with started("append", url, "user-1", "joined", "--lines", "--json") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"data": 1}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(PATIENCE) == code
        assert process.stderr is not None
        assert process.stderr.read() == "1 event appended\n"
    assert _data(url) == [1]
