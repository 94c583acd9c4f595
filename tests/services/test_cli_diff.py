"""`backstory diff`: rows and states at two moments, and a live read model against the events."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import psycopg
import pytest

from backstory import NewEvent, open_store
from tests.servers.postgres import PostgresServer
from tests.services.command import backstory, in_terminal

APP = ("--app", "backstory.demo.app:users")
OPENED = "2026-01-02T03:04:05Z"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Return a store in which ann is created and renamed, and bob created and deleted."""
    url = f"sqlite:///{tmp_path}/events.db"

    async def fill() -> None:
        opened = await open_store(url)
        for name in ("ann", "bob"):
            data = {"username": name, "fullName": name.title(), "openedAt": OPENED}
            await opened.append(f"user-{name}", [NewEvent.of("user-created", data)])
        await opened.append("user-ann", [NewEvent.of("user-renamed", {"fullName": "Ann A."})])
        await opened.append("user-bob", [NewEvent.of("user-deleted", {})])
        await opened.close()

    asyncio.run(fill())
    return url


def test_rows_of_two_moments_are_compared(store: str) -> None:
    """One line for each table and each row that differs, to be piped on."""
    done = backstory("diff", store, "2", "head", *APP)
    row = f'{{"id":2,"username":"bob","createdAt":"{OPENED}","fullName":"Bob"}}'
    assert (done.code, done.err) == (5, "")
    assert [line.split("\t") for line in done.lines] == [
        ["table", "user", "0", "1", "1"],
        ["removed", "user", "1", row, "-", "-"],
        ["changed", "user", "1", '{"id":1}', '{"fullName":"Ann"}', '{"fullName":"Ann A."}'],
        ["table", "user_revision", "0", "1", "1"],
        ["removed", "user_revision", "1", '{"username":"bob","revision":0}', "-", "-"],
        ["changed", "user_revision", "1", '{"username":"ann"}', '{"revision":0}', '{"revision":1}'],
    ]


def test_the_same_is_success(store: str) -> None:
    """Where nothing happened to a table, and at one moment."""
    done = backstory("diff", store, "user-ann@0", "1", "--json", "--table", "user", *APP)
    assert done.code == 0
    assert done.objects == [
        {"table": "user", "key": ["id"], "added": 0, "removed": 0, "changed": 0}
    ]
    assert "the same at positions 1 and 1" in done.err


def test_rows_are_json_for_programs_and_no_more_than_asked_for(store: str) -> None:
    """Whole rows, on both sides; and the other way round."""
    done = backstory("diff", store, "head", "0", "--json", "--table", "user", *APP)
    total, row = done.objects
    assert (total["removed"], row["change"], "after" in row) == (1, "removed", False)
    done = backstory("diff", store, "0", "2", "--limit", "1", "--table", "user", "--json", *APP)
    assert len(done.lines) == 2
    assert "user: 1 of 2 rows that differ are shown; --limit shows more" in done.err


def test_states_are_compared_by_path(store: str) -> None:
    """Of one stream."""
    done = backstory("diff", store, "2", "head", "--stream", "user-ann", *APP)
    assert (done.code, done.lines) == (5, ['changed\tfull_name\t"Ann"\t"Ann A."'])
    done = backstory("diff", store, "3", "head", "--stream", "user-ann", "--json", *APP)
    assert (done.code, done.out) == (0, "")
    done = backstory("diff", store, "0", "1", "--stream", "user-ann", "--json", *APP)
    assert [(each["path"], each["change"], each["before"]) for each in done.objects] == [
        ("", "changed", None)
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> str:
    """Return the URL of a live read model that has applied the store."""
    url = f"sqlite:///{tmp_path}/live.db"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create()
    assert backstory("rebuild", "--store", store, "--read-model", url, *APP).code == 0
    return url


def spoil(url: str) -> None:
    """Give ann another name and bob his row again, behind the events' back."""
    columns, at = '(id, username, "createdAt", "fullName")', "2026-01-02T03:04:05.000000Z"
    statements = (
        "UPDATE {} SET \"fullName\" = 'spoiled'",
        f"INSERT INTO {{}} {columns} VALUES (7, 'bob', '{at}', 'Bob')",  # noqa: S608 - made of constants
    )
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for statement in statements:
            connection.execute(statement.format('"user"'))
        connection.close()
        return
    with psycopg.connect(url, autocommit=True) as server:
        for statement in statements:
            server.execute(statement.format('eventsourcing."user"').encode())


def test_a_live_read_model_is_compared_with_the_events(store: str, live: str) -> None:
    """At the position that it has applied; the live one is the right-hand side."""
    right = backstory("diff", store, "--against", live, "--json", *APP)
    assert (right.code, [each["added"] for each in right.objects]) == (0, [0, 0])
    assert "users: compared at position 4" in right.err
    spoil(live)
    wrong = backstory("diff", store, "--against", live, "--ignore", "id", *APP)
    assert wrong.code == 5
    assert [line.split("\t")[:2] for line in wrong.lines] == [
        ["table", "user"],
        ["added", "user"],
        ["changed", "user"],
        ["table", "user_revision"],
    ]
    assert '{"fullName":"Ann A."}\t{"fullName":"spoiled"}' in wrong.lines[2]


def test_a_live_read_model_that_has_gone_on_is_told(store: str, tmp_path: Path) -> None:
    """At another moment than its own, differences may be nothing but that."""
    live = f"sqlite:///{tmp_path}/live.db"
    assert backstory("rebuild", "--store", store, "--read-model", live, *APP).code == 0
    done = backstory("diff", store, "2", "--against", live, "--table", "user", *APP)
    assert done.code == 5
    assert "users: the live one has applied 4" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["1"], "between which moments?"),
        (["1", "2", "--against", "sqlite:///x.db"], "as of one moment; give one"),
        (["1", "2", "--stream", "user-ann", "--table", "user"], "--stream compares states"),
        (["1", "2", "--ignore", "nothing"], "has a column 'nothing' to ignore"),
        (["1", "2", "--table", "users"], "has no table 'users'; did you mean 'user'?"),
        (["1", "2", "--stream", "other-1"], "has no decider for 'other-1'"),
    ],
)
def test_mistakes_are_told(store: str, arguments: list[str], words: str) -> None:
    """A usage error."""
    done = backstory("diff", store, *arguments, *APP)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_a_live_read_model_must_be_there(store: str, tmp_path: Path) -> None:
    """None is made, and what is compared with is not empty by mistake."""
    done = backstory("diff", store, "--against", f"sqlite:///{tmp_path}/none.db", *APP)
    assert done.code == 3
    assert not (tmp_path / "none.db").exists()


def test_in_a_terminal_it_is_in_colours(store: str) -> None:
    """Green came, red went, yellow changed."""
    code, shown = in_terminal("diff", store, "2", "head", "--table", "user", *APP)
    assert code == 5
    assert "+0 -1 ~1" in shown
    assert '\x1b[31mid=2 username="bob"' in shown
