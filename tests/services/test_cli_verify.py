from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.command import backstory, filled, in_terminal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the file of a store of four events."""
    filled(tmp_path / "events.db", {"member-1": 3, "club": 1})
    return tmp_path / "events.db"


def _damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET data = '{' WHERE position = 2")


def test_a_sound_store_is_called_sound(path: Path) -> None:
    """Exit code 0, no data, one sentence."""
    done = backstory("verify", f"sqlite:///{path}")
    assert (done.code, done.out) == (0, "")
    assert done.err == "no faults, checked up to position 4\n"
    assert backstory("verify", f"sqlite:///{path}", "--json").objects == [
        {"summary": {"checked_to": 4, "faults": 0}}
    ]


def test_a_fault_is_exit_code_1_and_a_line(path: Path) -> None:
    """A script in the night notices, and a person knows where to look."""
    _damage(path)
    done = backstory("verify", f"sqlite:///{path}")
    assert done.code == 1
    [line] = done.lines
    kind, place, _ = line.split("\t")
    assert (kind, place) == ("payload", "position 2")
    assert done.err == "1 fault, checked up to position 4\n"


def test_programs_get_each_fault_and_a_summary(path: Path) -> None:
    """Without the last line the check did not come to its end."""
    _damage(path)
    done = backstory("verify", f"sqlite:///{path}", "--json")
    assert done.code == 1
    fault, summary = done.objects
    assert set(fault) == {"fault"}
    assert summary == {"summary": {"checked_to": 4, "faults": 1}}


def test_what_a_damaged_store_holds_can_still_be_read(path: Path) -> None:
    """The event that cannot be decoded is marked, the others are whole."""
    _damage(path)
    plain = backstory("read", f"sqlite:///{path}")
    assert (plain.code, len(plain.lines)) == (0, 4)
    assert plain.lines[1].endswith("(no JSON) b'{'")
    done = backstory("read", f"sqlite:///{path}", "--json")
    assert done.code == 0
    assert [line.get("data", "missing") for line in done.objects] == [
        {"n": 0},
        "missing",
        {"n": 2},
        {"n": 0},
    ]


def test_a_store_in_memory_cannot_be_verified() -> None:
    """There is nothing to check, and saying so is better than silence."""
    done = backstory("verify", "memory:")
    assert done.code == 2
    assert "cannot be verified" in done.err


def test_a_person_sees_how_far_it_is(path: Path) -> None:
    """A bar on the way, and none left behind."""
    _damage(path)
    code, shown = in_terminal("verify", f"sqlite:///{path}")
    assert code == 1
    assert "verifying" in shown
    assert "position 2" in shown
    assert "1 fault, " in shown.splitlines()[-1]
