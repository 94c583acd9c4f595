from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import backstory as package
from backstory.cli.exits import MEANINGS
from tests.services.command import backstory, environment, filled, in_terminal

COMMANDS = ("demo", "append", "read", "watch", "stats", "verify")


def test_help_lists_the_commands_and_exit_codes() -> None:
    """The first page a newcomer sees."""
    done = backstory("--help")
    assert (done.code, done.err) == (0, "")
    assert all(command in done.out for command in COMMANDS)
    assert all(code in done.out for code in MEANINGS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_its_options_and_their_variables(command: str) -> None:
    """Also with a wrong variable set: help is where one looks for the right one."""
    done = backstory(command, "--help", settings={"BACKSTORY_WRONG": "1", "COLUMNS": "100"})
    assert (done.code, done.err) == (0, "")
    assert f"BACKSTORY_{command.upper()}_" in done.out


def test_the_version_is_told() -> None:
    """What a bug report begins with."""
    done = backstory("--version")
    assert (done.code, done.out, done.err) == (0, f"backstory {package.__version__}\n", "")


def test_a_variable_stands_for_its_option_and_the_option_wins(tmp_path: Path) -> None:
    """Settings come from outside in containers, from the keyboard elsewhere."""
    url = filled(tmp_path / "events.db", {"member-1": 5})
    settings = {"BACKSTORY_READ_LIMIT": "2", "BACKSTORY_READ_JSON": "true"}
    assert len(backstory("read", url, settings=settings).objects) == 2
    assert len(backstory("read", url, "--limit", "3", settings=settings).objects) == 3


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BACKSTORY_READ_LIMITS", "2", "did you mean BACKSTORY_READ_LIMIT?"),
        ("BACKSTORY_READ_LIMIT", "two", "BACKSTORY_READ_LIMIT"),
        ("BACKSTORY_READ_LIMIT", "0", "BACKSTORY_READ_LIMIT"),
        ("BACKSTORY_READ_JSON", "perhaps", "BACKSTORY_READ_JSON"),
    ],
)
def test_a_setting_that_cannot_be_used_is_an_error(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    """A deployment with a typing error does not start."""
    url = filled(tmp_path / "events.db", {})
    done = backstory("read", url, settings={variable: value})
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_variables_of_tests_are_no_settings(tmp_path: Path) -> None:
    """What steers a test suite steers no command."""
    url = filled(tmp_path / "events.db", {})
    assert backstory("read", url, settings={"BACKSTORY_TEST_ANYTHING": "1"}).code == 0


def test_an_error_is_one_message_unless_its_place_is_asked_for(tmp_path: Path) -> None:
    """Users get words, developers the stack."""
    url = f"sqlite:///{tmp_path}/missing.db"
    plain = backstory("read", url)
    assert plain.err.startswith("error: ")
    assert len(plain.err.splitlines()) == 1
    for done in (
        backstory("--debug", "read", url),
        backstory("read", url, settings={"BACKSTORY_DEBUG": "1"}),
    ):
        assert done.code == plain.code == 3
        assert "Traceback" in done.err
        assert done.err.endswith(plain.err)


def test_events_cannot_drive_the_terminal(tmp_path: Path) -> None:
    """What a stranger wrote into an event is shown, not obeyed."""
    url = filled(tmp_path / "events.db", {"member-1": 1})
    backstory(
        "append", url, "member-1", "renamed", '{"name": "\\u001b]0;owned\\u0007\u202e\u009b"}'
    )
    code, shown = in_terminal("read", url)
    assert code == 0
    assert r"\u001b]0;owned\u0007\u202e\u009b" in shown
    for driving in ("\x1b]", "\a", "\u202e", "\u009b"):
        assert driving not in shown


def test_a_person_gets_titles_and_columns(tmp_path: Path) -> None:
    """In a terminal the same fields stand below each other, below their names."""
    url = filled(tmp_path / "events.db", {"member-1": 1, "a-stream-with-a-long-name": 1})
    code, shown = in_terminal("read", url)
    assert code == 0
    for title in ("position", "recorded at", "stream", "revision", "type", "data"):
        assert title in shown.splitlines()[0]
    assert "\x1b[" in shown


def test_long_data_is_cut_for_people_only(tmp_path: Path) -> None:
    """One large event does not hide the others; programs get all of it."""
    url = filled(tmp_path / "events.db", {})
    backstory("append", url, "member-1", "wrote", "-", stdin=f'"{"x" * 50_000}"')
    _, shown = in_terminal("read", url)
    assert len(shown) < 5_000
    assert "50,002 characters; --json shows all" in shown
    assert len(backstory("read", url).out) > 50_000


@pytest.mark.alone
def test_help_answers_at_once() -> None:
    """The best of five; nothing is imported that help does not need."""
    command = [sys.executable, "-m", "backstory", "--help"]
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env=environment())  # noqa: S603 - our own Python
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) <= 0.4


def test_help_loads_no_driver_and_no_database() -> None:
    """What a command needs is imported when it runs."""
    program = (
        "import sys; from backstory.cli import main; main(['--help']); "
        "print(sorted({'apsw', 'sqlalchemy', 'litestar', 'granian', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, env={}
    )
    assert done.stdout.splitlines()[-1] == "[]"
