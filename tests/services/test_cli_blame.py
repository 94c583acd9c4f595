"""`backstory blame`: the event and the line, of a row and of a state, for people and programs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backstory import NewEvent, open_store
from backstory.demo import decider, projection
from tests.services.command import backstory, in_terminal

APP = ("--app", "backstory.demo.app:users")


def line_of(module: str, text: str) -> int:
    """Return the number of the line of a file of Python that holds *text*."""
    lines = Path(module).read_text(encoding="utf-8").splitlines()
    [found] = [number for number, line in enumerate(lines, 1) if text in line]
    return found


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Return a store in which ann is created and renamed, and bob created and deleted."""
    url = f"sqlite:///{tmp_path}/events.db"

    async def fill() -> None:
        opened = await open_store(url)
        for name in ("ann", "bob"):
            data = {"username": name, "fullName": name.title(), "openedAt": "2026-01-02T03:04:05Z"}
            await opened.append(f"user-{name}", [NewEvent.of("user-created", data)])
        await opened.append("user-ann", [NewEvent.of("user-renamed", {"fullName": "Ann A."})])
        await opened.append("user-bob", [NewEvent.of("user-deleted", {})])
        await opened.close()

    asyncio.run(fill())
    return url


def test_a_row_is_blamed_on_an_event_and_a_line(store: str) -> None:
    """One line that says it all, to be piped on."""
    done = backstory("blame", store, "user", "fullName", "--where", "username=ann", *APP)
    line = line_of(projection.__file__, "yield _rename_user, ")
    fields = done.lines[0].split("\t")
    assert (done.code, done.err, len(done.lines)) == (0, "", 1)
    assert fields[:6] == ["fullName", '"Ann"', '"Ann A."', "3", "user-renamed", "user-ann@1"]
    assert fields[7] == f"{projection.__file__}:{line} renamed"
    assert fields[8].startswith("yield _rename_user, ")


def test_the_trail_of_a_value_is_json_for_programs(store: str) -> None:
    """Newest first; what was not there is absent."""
    where = ("--where", "username=ann", "--where", "id=1")
    done = backstory("blame", store, "user", "fullName", *where, "--all", "--json", *APP)
    newest, oldest = done.objects
    assert (newest["position"], newest["before"], newest["after"]) == (3, "Ann", "Ann A.")
    assert (oldest["position"], oldest["after"], "before" in oldest) == (1, "Ann", False)
    assert oldest["projection"] == "users"
    assert oldest["places"] == [
        {
            "file": projection.__file__,
            "line": line_of(projection.__file__, "yield _add_user, "),
            "function": "created",
            "source": 'yield _add_user, {"username": name, "createdAt": opened_at, '
            '"fullName": event.fullName}',
        }
    ]


def test_an_earlier_moment_has_another_answer(store: str) -> None:
    """And without a column every column has one."""
    done = backstory("blame", store, "user", "--where", "username=ann", "--at", "2", *APP)
    assert [(line.split("\t")[0], line.split("\t")[3]) for line in done.lines] == [
        ("id", "1"),
        ("username", "1"),
        ("createdAt", "1"),
        ("fullName", "1"),
    ]


def test_a_row_that_is_gone_is_blamed_on_who_removed_it(store: str) -> None:
    """The answer to where it went."""
    done = backstory("blame", store, "user", "fullName", "--where", "username=bob", *APP)
    assert done.code == 0
    assert done.lines[0].split("\t")[1:6] == ['"Bob"', "-", "4", "user-deleted", "user-bob@1"]
    assert "no row of user fits at position 4; the last that did:" in done.err


def test_a_state_is_blamed_by_a_path(store: str) -> None:
    """With the function that folded it."""
    done = backstory("blame", store, "--stream", "user-ann", "full_name", *APP)
    fields = done.lines[0].split("\t")
    line = line_of(decider.__file__, "def evolve(")
    assert fields[:4] == ["full_name", '"Ann"', '"Ann A."', "3"]
    assert fields[7] == f"{decider.__file__}:{line} evolve"
    done = backstory("blame", store, "--stream", "user-bob", *APP)
    what, before, after, position = done.lines[0].split("\t")[:4]
    assert (what, after, position) == ("-", "null", "4")
    assert before.startswith('{"__class__":"User","username":"bob"')


def test_where_there_is_nothing_to_blame_it_says_so(store: str) -> None:
    """That is no success, for a script."""
    done = backstory("blame", store, "user", "fullName", "--where", "username=cleo", *APP)
    assert (done.code, done.out) == (1, "")
    assert "nothing to blame: up to position 4 there was no row of user that fits" in done.err
    done = backstory("blame", store, "--stream", "user-ann", "nowhere", *APP)
    assert (done.code, done.out) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "what is to be blamed?"),
        (["users"], "has no table 'users'; did you mean 'user'?"),
        (["user", "name"], "has no column 'name'; did you mean 'username'?"),
        (["user", "id", "--where", "username"], "a row is named by COLUMN=VALUE"),
        (["user", "id", "--where", "id=x"], "column 'id' of table 'user' holds no 'x'"),
        (["user", "id", "--at", "2"], "several rows of 'user' fit no condition: (id=1), (id=2)"),
        (["a", "b", "--stream", "user-ann"], "is about one path into its state"),
    ],
)
def test_mistakes_are_told_with_what_was_meant(
    store: str, arguments: list[str], words: str
) -> None:
    """A usage error, before anything is replayed where that can be."""
    done = backstory("blame", store, *arguments, *APP)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_in_a_terminal_it_is_read_by_people(store: str) -> None:
    """What changed, when, and the line of code below."""
    code, shown = in_terminal("blame", store, "user", "fullName", "--where", "username=ann", *APP)
    assert code == 0
    assert "user.fullName" in shown
    assert "yield _rename_user, " in shown
