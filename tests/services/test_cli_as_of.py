"""`backstory state`, `as-of` and `snapshot`: everything as it was, by URL alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.servers.postgres import PostgresServer
from tests.services.command import Outcome, backstory, in_terminal
from tests.services.purses import APP, FOUR, Opened, Paid, stored


@pytest.fixture(params=["sqlite", "postgresql", "capture"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a source of each kind, by its URL or file, with the four events."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return stored(server.create(), FOUR)
    url = stored(tmp_path / "events.db", FOUR)
    if request.param == "sqlite":
        return url
    file = str(tmp_path / "bug.capture")
    assert backstory("capture", url, "--app", APP, "--out", file).code == 0
    return file


def rows(outcome: Outcome) -> list[list[str]]:
    """Return the lines of stdout, cut at tabs."""
    assert outcome.code == 0, outcome.err
    return [line.split("\t") for line in outcome.lines]


def test_every_table_is_as_it_was(source: str) -> None:
    """At any moment, however the events are stored."""
    shown = rows(backstory("as-of", source, "--app", APP, "--at", "3", "--table", "purse"))
    assert shown == [["purse-ann", "Ann", "10"], ["purse-bob", "Bob", "0"]]
    shown = rows(backstory("as-of", source, "--app", APP, "--at", "purse-ann@0"))
    assert shown == [["purse", "1"]]
    query = backstory("as-of", source, "--app", APP, "--json", "--sql", "SELECT total FROM purse")
    assert query.objects == [
        {"table": None, "row": {"total": 10}},
        {"table": None, "row": {"total": -5}},
    ]


def test_a_state_is_as_it_was(source: str) -> None:
    """One stream, folded by the application's decider."""
    assert backstory("state", source, "purse-bob", "--app", APP).out == "-5\n"
    assert backstory("state", source, "purse-bob", "--app", APP, "--at", "3").out == "0\n"
    [shown] = backstory("state", source, "purse-ann", "--app", APP, "--json").objects
    assert (shown["state"], shown["revision"]) == (10, 1)
    nothing = backstory("state", source, "purse-bob", "--app", APP, "--at", "1")
    assert (nothing.code, nothing.out) == (1, "")
    assert "had no event yet" in nothing.err


def test_the_moment_is_shown_between_its_neighbours(source: str) -> None:
    """A time names one position, and one sees which."""
    [line] = backstory("read", source_url(source), "--stream", "purse-ann", "--json").objects[1:]
    outcome = backstory("as-of", source, "--app", APP, "--at", str(line["recorded_at"]))
    assert outcome.code == 0
    assert "-> position 3" in outcome.err or "-> position 4" in outcome.err
    assert "   position 2" in outcome.err


def source_url(source: str) -> str:
    """Return *source* as the URL of a store."""
    return source if "://" in source else f"sqlite:///{source}"


def test_it_can_be_kept_in_a_database(tmp_path: Path, postgres: PostgresServer) -> None:
    """A file or PostgreSQL; nothing is written over."""
    url = stored(tmp_path / "events.db", FOUR)
    file = tmp_path / "past.db"
    for target in (f"sqlite:///{file}", postgres.create()):
        done = backstory("as-of", url, "--app", APP, "--at", "3", "--into", target)
        assert (done.code, done.lines) == (0, ["purse\t2"])
        again = backstory("as-of", url, "--app", APP, "--into", target)
        assert again.code == 2
        assert "holds rows of 'purses' already, up to position 3" in again.err
        if target.startswith("postgresql"):
            with psycopg.connect(target) as connection:
                found = connection.execute("SELECT total FROM eventsourcing.purse").fetchall()
            assert sorted(found) == [(0,), (10,)]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT total FROM purse").fetchall() == [(10,), (0,)]


def test_a_projection_that_stopped_is_shown_where_it_stopped(tmp_path: Path) -> None:
    """With the line of the handler; the exit code tells a script."""
    url = stored(tmp_path / "events.db", [*FOUR, ("ann", Paid(13)), ("ann", Paid(1))])
    done = backstory("as-of", url, "--app", APP, "--json")
    assert done.code == 1
    assert "thirteen brings bad luck" in done.err
    assert "purses.py" in done.err
    assert done.objects[0]["position"] == 4
    assert backstory("as-of", url, "--app", APP, "--at", "4").code == 0


def test_who_lagged_is_shown_as_it_was(tmp_path: Path) -> None:
    """What a command read may have been older than the log."""
    url = stored(tmp_path / "events.db", FOUR)
    done = backstory(
        *("as-of", url, "--app", APP, "--behind", "purses=2", "--sql", "SELECT total FROM purse")
    )
    assert (done.code, done.lines) == (0, ["0", "0"])
    assert "purses lags: it had come to position 2" in done.err


def test_delivering_again_shows_what_is_not_idempotent(tmp_path: Path) -> None:
    """Each event twice in a row: a sum is doubled, a unique key refuses."""
    url = stored(tmp_path / "events.db", [("ann", Opened("Ann"))])
    done = backstory("as-of", url, "--app", APP, "--redeliver")
    assert done.code == 1
    assert "UNIQUE constraint failed" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "tomorrow"], "names no moment"),
        (["--at", "99"], "the log ends at position 4"),
        (["--at", "2026-11-23T10:00:00"], "has no time zone"),
        (["--table", "purs"], "did you mean 'purse'?"),
        (["--sql", "SELECT nothing FROM purse"], "the query cannot be asked"),
        (["--sql", "DELETE FROM purse"], "the query cannot be asked"),
        (["--behind", "purses"], "--behind takes PROJECTION=POSITION"),
        (["--into", "mysql://host/db"], "mysql"),
    ],
)
def test_a_wrong_wish_is_answered_with_what_to_do(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    """And nothing is printed on stdout."""
    url = stored(tmp_path / "events.db", FOUR)
    done = backstory("as-of", url, "--app", APP, *arguments)
    assert done.code in (1, 2)
    assert words in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_nothing_is_created_by_looking(tmp_path: Path) -> None:
    """A store that is not there is not made."""
    done = backstory("as-of", f"sqlite:///{tmp_path}/none.db", "--app", APP)
    assert done.code == 3
    assert list(tmp_path.iterdir()) == []


def test_snapshots_are_taken_on_the_way_and_used(tmp_path: Path) -> None:
    """Every so many events one; what is there already is not taken again."""
    url = stored(tmp_path / "events.db", FOUR)
    folder = str(tmp_path / "snapshots")
    taken = backstory("snapshot", url, folder, "--app", APP, "--every", "2", "--json")
    assert taken.code == 0, taken.err
    assert [line["position"] for line in taken.objects] == [2, 4]
    again = backstory("snapshot", url, folder, "--app", APP, "--every", "2", "--json")
    assert (again.code, again.out) == (0, "")
    used = backstory(
        "as-of", url, "--app", APP, "--snapshots", folder, "--at", "3", "--table", "purse"
    )
    assert "began with the snapshot at position 2" in used.err
    assert rows(used) == [["purse-ann", "Ann", "10"], ["purse-bob", "Bob", "0"]]


def test_a_snapshot_of_postgresql_serves_a_laptop(tmp_path: Path, postgres: PostgresServer) -> None:
    """Taken of the live read model there, read into SQLite here."""
    store, model, folder = postgres.create(), postgres.create(), str(tmp_path / "snapshots")
    stored(store, FOUR)
    assert backstory("as-of", store, "--app", APP, "--into", model, "--at", "3").code == 0
    taken = backstory("snapshot", store, folder, "--app", APP, "--read-model", model)
    assert (taken.code, taken.lines) == (0, ["position 3\t2 rows"])
    used = backstory("as-of", store, "--app", APP, "--snapshots", folder, "--table", "purse")
    assert "began with the snapshot at position 3" in used.err
    assert rows(used)[1] == ["purse-bob", "Bob", "-5"]
    wrong = backstory(
        *("snapshot", store, folder, "--app", APP, "--read-model", model, "--every", "2")
    )
    assert (wrong.code, wrong.out) == (2, "")


def test_a_person_sees_tables(tmp_path: Path) -> None:
    """In a terminal columns and colours."""
    url = stored(tmp_path / "events.db", FOUR)
    code, shown = in_terminal("as-of", url, "--app", APP, "--table", "purse")
    assert code == 0
    assert "\x1b[" in shown
    assert "owner" in shown
    assert "Ann" in shown
    code, shown = in_terminal("state", url, "purse-ann", "--app", APP)
    assert "purse-ann@1" in shown


def test_json_of_a_replay_says_how_each_projection_stands(tmp_path: Path) -> None:
    """Position, parked events, failure, the snapshot it began with; then the tables."""
    url = stored(tmp_path / "events.db", FOUR)
    lines = [json.loads(line) for line in backstory("as-of", url, "--app", APP, "--json").lines]
    assert lines == [
        {"projection": "purses", "position": 4, "parked": 0, "failure": None, "snapshot": None},
        {"table": "purse", "rows": 2},
    ]
