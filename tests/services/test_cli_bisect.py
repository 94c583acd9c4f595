"""`backstory check` and `bisect`: what must hold, and the event that broke it."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.servers.postgres import PostgresServer
from tests.services.command import Outcome, backstory, in_terminal
from tests.services.purses import APP, FOUR, Opened, Paid, stored

DEBT = "nobody is in debt"
TOTAL = "no total is negative"
OWES = "SELECT owner, total FROM purse WHERE total < 0"
BACK_AND_FORTH = [
    ("ann", Opened("Ann")),
    *[("ann", Paid(1)) for _ in range(30)],
    ("ann", Paid(-40)),
    *[("ann", Paid(0)) for _ in range(30)],
    ("ann", Paid(50)),
    *[("ann", Paid(0)) for _ in range(30)],
    ("ann", Paid(-90)),
    *[("ann", Paid(0)) for _ in range(30)],
]
FIRST, SECOND, THIRD = 32, 63, 94


def nobody_owes(connection: Connection) -> bool:
    """Say whether nobody does; named on a command line."""
    return connection.execute(text(OWES)).first() is None


def is_solvent(total: int | None) -> bool:
    """Say whether a purse is; named on a command line."""
    return total is None or total >= 0


@pytest.fixture
def events(tmp_path: Path) -> str:
    """Return a store in which a purse goes into debt, out of it, and in again."""
    return stored(tmp_path / "events.db", BACK_AND_FORTH)


def flips(outcome: Outcome) -> list[tuple[object, ...]]:
    """Return position, verdict after, and whether it is the first failure, of each change."""
    assert outcome.code == 0, outcome.err
    return [(line["position"], line["after"], line["first"]) for line in outcome.objects]


_COMMAND = f"""
import sqlite3, sys
raise SystemExit(sqlite3.connect(sys.argv[1]).execute("{OWES}").fetchone() is not None)
"""
ASKING = {
    "check": ("--fails", DEBT),
    "category": ("--fails", TOTAL),
    "stream": ("--fails", TOTAL, "--stream", "purse-ann"),
    "function": ("--fails", f"{__name__}:nobody_owes"),
    "function on a state": ("--fails", f"{__name__}:is_solvent", "--stream", "purse-ann"),
    "sql": ("--sql", OWES),
    "command": ("--run", f"{sys.executable} -c '{_COMMAND}' {{db}}"),
}


@pytest.mark.parametrize("asked", ASKING)
def test_the_guilty_event_is_found_whatever_is_asked(events: str, asked: str) -> None:
    """And every other change; the first failure is marked."""
    samples = () if asked in ("category", "stream", "function on a state") else ("--samples", "12")
    done = backstory("bisect", events, "--app", APP, *ASKING[asked], *samples, "--json")
    assert flips(done) == [
        (FIRST, "fails", True),
        (SECOND, "holds", False),
        (THIRD, "fails", False),
    ]
    assert done.objects[0]["type"] == "paid"
    assert "changes 3 times" in done.err
    assert f"backstory step {events} --app {APP} --at {FIRST}" in done.err


def test_it_works_on_postgresql_and_on_a_capture(tmp_path: Path, postgres: PostgresServer) -> None:
    """By URL alone; in a pipe one line each."""
    url = stored(postgres.create(), FOUR)
    file = str(tmp_path / "bug.capture")
    assert backstory("capture", url, "--app", APP, "--out", file).code == 0
    for source in (url, file):
        done = backstory("bisect", source, "--app", APP, "--fails", DEBT)
        [line] = [line.split("\t") for line in done.lines]
        assert line[:3] == ["first", "4", "holds -> fails"]
        assert line[-1] == "Bob owes money"
        found = backstory("check", source, "--app", APP, "--at", "3")
        assert (found.code, len(found.lines)) == (0, 2)


def test_a_search_goes_on_where_it_was_cut(events: str, tmp_path: Path) -> None:
    """What the log holds is not asked again, also when its last line is torn."""
    log = tmp_path / "log"
    asked = ("bisect", events, "--app", APP, "--sql", OWES, "--json")
    first = backstory(*asked, "--log", str(log))
    lines = log.read_text().splitlines()
    again = backstory(*asked, "--again", str(log))
    assert again.out == first.out
    assert log.read_text().splitlines() == lines
    log.write_text("\n".join(lines[:10]) + "\n" + lines[10][:9])
    broken = backstory(*asked, "--again", str(log))
    assert flips(broken) == flips(first)
    other = backstory(*asked, "--again", str(log), "--redeliver")
    assert other.code == 2
    assert "log of another search" in other.err


def test_a_command_that_cannot_tell_is_passed_over(events: str) -> None:
    """125 as for git; what is neither good nor bad ends the search."""
    cannot = "test $(({position} % 2)) -eq 0 && exit 125; test {position} -lt 20"
    done = backstory("bisect", events, "--app", APP, "--run", cannot, "--json")
    [flip] = done.objects
    assert (flip["since"], flip["position"]) in {(18, 20), (19, 20), (19, 21)}
    stopped = backstory("bisect", events, "--app", APP, "--run", "kill -9 $$")
    assert (stopped.code, stopped.out) == (1, "")
    assert "the search is stopped" in stopped.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Give one of --fails, --sql and --run"),
        (("--fails", DEBT, "--sql", OWES), 2, "Give one of"),
        (("--fails", "nobody is in det"), 2, "did you mean 'nobody is in debt'?"),
        (("--fails", "nowhere:test"), 2, "nowhere"),
        (("--sql", OWES, "--stream", "purse-ann"), 2, "only --fails can"),
        (("--sql", "SELECT nothing"), 2, "the query cannot be asked"),
        (("--sql", OWES, "--good", "9", "--bad", "9"), 2, "not before --bad"),
        (("--sql", OWES, "--bad", "20"), 1, "holds everywhere it was asked"),
        (("--fails", TOTAL, "--log", "log"), 2, "nothing to log"),
    ],
)
def test_a_wrong_wish_is_answered_with_what_to_do(
    events: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Nothing is printed on stdout."""
    done = backstory("bisect", events, "--app", APP, *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_checks_are_asked_of_any_moment_and_of_the_live_rows(tmp_path: Path) -> None:
    """Exit code 1 when one fails; the live read model is not touched."""
    url = stored(tmp_path / "events.db", FOUR)
    assert backstory("check", url, "--app", APP, "--at", "3").lines == [
        f"holds\t{DEBT}\t",
        f"holds\t{TOTAL}\t",
    ]
    now = backstory("check", url, DEBT, "--app", APP, "--json")
    assert (now.code, now.objects) == (
        1,
        [{"check": DEBT, "verdict": "fails", "words": "Bob owes money"}],
    )
    with closing(sqlite3.connect(tmp_path / "live.db")) as live, live:
        live.execute("CREATE TABLE purse (stream, owner, total)")
        live.execute("INSERT INTO purse VALUES ('purse-cleo', 'Cleo', -1)")
    place = f"sqlite:///{tmp_path}/live.db"
    found = backstory("check", url, DEBT, "--app", APP, "--read-model", place)
    assert (found.code, found.lines) == (1, [f"fails\t{DEBT}\tCleo owes money"])
    with closing(sqlite3.connect(tmp_path / "live.db")) as live:
        tables = live.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("purse",)]
    moved = backstory("check", url, "--app", APP, "--read-model", place, "--at", "2")
    assert moved.code == 2


def test_a_check_that_cannot_tell_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """And so has an application without any."""
    url = stored(tmp_path / "events.db", FOUR)
    done = backstory("check", url, "--app", "tests.services.purses:doubtful", "--json")
    assert done.code == 7
    assert json.loads(done.out)["words"].startswith("ZeroDivisionError")
    wrong = backstory("check", url, "no such check", "--app", APP)
    assert (wrong.code, wrong.out) == (2, "")


def test_a_person_sees_signs_and_colours(tmp_path: Path) -> None:
    """In a terminal."""
    url = stored(tmp_path / "events.db", FOUR)
    code, shown = in_terminal("check", url, "--app", APP)
    assert code == 1
    assert "✘" in shown
    code, shown = in_terminal("bisect", url, "--app", APP, "--fails", DEBT)
    assert code == 0
    assert "Bob owes money" in shown
