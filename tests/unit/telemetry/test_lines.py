"""Log lines: whatever is logged, a program can parse it, a person can read it, nobody forges it."""

from __future__ import annotations

import io
import json
import logging
import math
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.ambient import correlated, traced
from backstory.core.errors import HandlerFailed, StoreUnavailable
from backstory.telemetry.fields import MOST_TEXT
from backstory.telemetry.lines import JsonLines, TextLines
from backstory.telemetry.log_format import LogFormat
from backstory.telemetry.logs import start_logging

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
HOSTILE = [
    "two\nlines",
    'a"quote\\',
    "\x1b[2Jclears the screen",
    "right\u202eto left",
    "\u2028a line for some",
    "\udc80no utf-8",
    "nul\0",
    "\x85next",
]


def record(message: str = "said", *arguments: object, **fields: object) -> logging.LogRecord:
    """Return a record as `log.info(message, *arguments, extra=fields)` makes it."""
    log = logging.getLogger("backstory.test")
    return log.makeRecord(log.name, logging.INFO, "", 1, message, arguments, None, extra=fields)


def failed(error: Exception) -> logging.LogRecord:
    """Return a record as `log.exception` makes it for *error*."""
    made = record("it failed")
    with suppress(Exception):
        _fail(error)
    made.exc_info = (type(error), error, error.__traceback__)
    return made


def _fail(error: Exception) -> None:
    raise error


def parsed(line: str) -> dict[str, object]:
    """Return the one JSON object that *line* is."""
    assert line.isascii()
    assert "\n" not in line
    found: dict[str, object] = json.loads(line)
    return found


@pytest.fixture
def root_logging() -> Iterator[None]:
    """Put back what wrote the lines of this process."""
    root, ours = logging.getLogger(), logging.getLogger("backstory")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(capture=False)


def test_a_json_line_says_when_who_and_what() -> None:
    """The names that a program can rely on."""
    made = record("appended %d", 3, stream="user-1", position=7)
    made.created = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC).timestamp()
    assert parsed(JsonLines().format(made)) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "INFO",
        "logger": "backstory.test",
        "message": "appended 3",
        "stream": "user-1",
        "position": 7,
    }


def test_a_line_names_the_correlation_and_the_span_it_is_written_in() -> None:
    """So a line, an event and a trace of one request find each other."""
    with correlated("request-1"), traced(PARENT):
        line = parsed(JsonLines().format(record()))
        text = TextLines().format(record())
    assert (line["correlation_id"], line["trace_id"], line["span_id"]) == ("request-1", TRACE, SPAN)
    assert text.endswith(f"correlation_id=request-1 trace_id={TRACE} span_id={SPAN}")


def test_a_field_cannot_pass_for_what_the_line_itself_says() -> None:
    """Nobody can claim another level or correlation by the name of a field."""
    with correlated("true"):
        line = parsed(JsonLines().format(record(level="CRITICAL", correlation_id="false", time=0)))
    assert (line["level"], line["correlation_id"]) == ("INFO", "true")
    assert (line["field_level"], line["field_correlation_id"]) == ("CRITICAL", "false")


@pytest.mark.parametrize("name", HOSTILE, ids=[f"hostile-{n}" for n in range(len(HOSTILE))])
def test_a_hostile_name_can_neither_end_a_line_nor_move_the_cursor(name: str) -> None:
    """Stream names are what users wrote; a log viewer and a terminal show them as they are."""
    made = record(f"message {name}", stream=name)
    with correlated(name):
        line, text = parsed(JsonLines().format(made)), TextLines().format(made)
    assert text.isprintable()
    assert text.count("correlation_id=") == 1
    if "\udc80" not in name:
        assert line["stream"] == line["correlation_id"] == name


@given(st.text(), st.text(), st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_any_record_is_one_line_of_each_format(message: str, name: str, value: object) -> None:
    """There is no value that loses a line."""
    made = record("%s", message)
    vars(made).setdefault(name, value)
    parsed(JsonLines().format(made))
    # A wide or narrow space is one, and does no harm.
    assert re.sub(r"\s", "", TextLines().format(made)).isprintable()
    assert len(TextLines().format(made).splitlines()) == 1


def test_a_text_line_is_for_reading() -> None:
    """Time, level, who, what, and the facts; quoted where they would run into each other."""
    made = record("opened", path=PurePosixPath("/data/events.db"), why="asked to", empty="")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    backstory\.test: opened  "
        r'path=/data/events\.db why="asked to" empty=""',
        TextLines().format(made),
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (math.nan, "nan"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (LogFormat.JSON, "json"),
        (b"a payload", "<bytes>"),
        ({"full_name": "Ada"}, "<dict>"),
        (KeyError("Ada"), "<KeyError>"),
        (StoreUnavailable("the disk is away"), "the disk is away"),
        ("x" * (MOST_TEXT + 1), "x" * MOST_TEXT + "…"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_field_is_a_plain_value_and_never_a_payload(value: object, shown: object) -> None:
    """What may hold personal data is named by its type."""
    assert parsed(JsonLines().format(record(value=value)))["value"] == shown


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()], ids=["json", "text"])
def test_what_another_librarys_error_says_is_withheld(formatter: logging.Formatter) -> None:
    """Databases quote the row they refuse; the type and the place are enough to find the fault."""
    line = formatter.format(failed(sqlite3.IntegrityError("Ada Lovelace is taken")))
    assert "Ada" not in line
    assert "IntegrityError" in line
    assert "test_lines.py" in line


def test_of_our_own_errors_the_part_that_quotes_another_is_withheld() -> None:
    """The message names event and handler, and not what the handler's error said."""
    error = HandlerFailed(
        projection="users",
        place="'user-1' revision 0",
        handler="users.py:7",
        reason="KeyError: 'Ada Lovelace'",
        event_id=UUID(int=1),
    )
    line = JsonLines().format(failed(error))
    assert "Ada" not in line
    assert "user-1" in line
    assert "Ada" in JsonLines(messages=True).format(failed(error))


def test_the_causes_of_an_error_are_told_in_order() -> None:
    """What went wrong first is what one looks for."""
    error = StoreUnavailable("no store")
    error.__cause__ = OSError(28, "No space left on device")
    told = parsed(JsonLines().format(failed(error)))["error"]
    assert isinstance(told, dict)
    assert (told["type"], told["message"]) == ("StoreUnavailable", "no store")
    assert (told["cause"]["type"], told["cause"]["message"]) == (
        "OSError",
        "No space left on device",
    )
    text = TextLines().format(failed(error)).splitlines()
    assert [line.strip() for line in text if line.startswith("    ") and "Error" in line]


def test_a_circle_of_causes_ends() -> None:
    """An error that caused itself is told a few times, not for ever."""
    error, other = ValueError(), TypeError()
    error.__cause__, other.__cause__ = other, error
    line = JsonLines().format(failed(error))
    assert 1 < line.count("TypeError") < 10


def test_a_line_is_seen_although_its_arguments_do_not_fit() -> None:
    """A slip in a log call must not hide what it wanted to say."""
    assert parsed(JsonLines().format(record("%d users", "many")))["message"] == "%d users"


def test_an_error_that_cannot_say_what_it_is_is_logged_all_the_same() -> None:
    """Classes of others may fail at anything."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "it cannot say what" in JsonLines(messages=True).format(failed(Mute()))


@pytest.mark.usefixtures("root_logging")
def test_a_program_writes_ours_from_info_and_others_from_warning() -> None:
    """One place for all of them, Python's warnings too."""
    written = io.StringIO()
    start_logging(LogFormat.JSON, stream=written)
    logging.getLogger("backstory.test").info("ours")
    logging.getLogger("another").info("theirs")
    logging.getLogger("another").warning("beware")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    messages = [str(parsed(line)["message"]) for line in written.getvalue().splitlines()]
    assert messages[:2] == ["ours", "beware"]
    assert "old" in messages[2]
    assert len(messages) == 3


@pytest.mark.usefixtures("root_logging")
def test_only_a_terminal_shows_what_other_libraries_errors_say() -> None:
    """Files and collectors keep lines for years; the person at the desk wants to know why."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shows in ((io.StringIO(), False), (Terminal(), True)):
        start_logging(stream=stream)
        logging.getLogger("backstory.test").handle(failed(ValueError("Ada Lovelace")))
        assert ("Ada Lovelace" in stream.getvalue()) is shows
