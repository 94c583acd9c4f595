"""`backstory capture` and `reproduce`: take a moment away, and let it happen again elsewhere."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from backstory import History, Incidents, ReadModel, Repository, open_store
from backstory.timemachine.asof import project
from tests.servers.postgres import PostgresServer
from tests.services.command import Outcome, backstory, started
from tests.services.purses import (
    APP,
    FOUR,
    Opened,
    Paid,
    Split,
    app,
    decider,
    purses,
    schema,
    stored,
)

DEBT = "nobody is in debt"


@pytest.fixture
def events(tmp_path: Path) -> str:
    """Return a store whose last of four events puts Bob into debt."""
    return stored(tmp_path / "events.db", FOUR)


def captured(source: str, file: Path, *arguments: str) -> dict[str, object]:
    """Capture *source* in *file*; return what is said of it."""
    done = backstory("capture", source, "--app", APP, "--out", str(file), "--json", *arguments)
    assert done.code == 0, done.err
    return done.objects[0]


def verdict(outcome: Outcome) -> tuple[int, str]:
    """Return exit code and the word on stdout."""
    return outcome.code, outcome.lines[0] if outcome.lines else outcome.err


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "capture"])
def test_a_check_that_failed_fails_again(
    kind: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    """From a live store, or from the file alone."""
    source = stored(tmp_path / "events.db" if kind != "postgresql" else postgres.create(), FOUR)
    if kind == "capture":
        captured(source, tmp_path / "bug.capture")
        (tmp_path / "events.db").unlink()
        source = str(tmp_path / "bug.capture")
    arguments = ("reproduce", source, "--app", APP, "--fails", DEBT)
    assert verdict(backstory(*arguments)) == (0, "REPRODUCED")
    assert verdict(backstory(*arguments, "--at", "3")) == (6, "NOT REPRODUCED")
    shown = backstory(*arguments, "--json").objects[0]
    assert shown["verdict"] == "REPRODUCED"
    assert shown["findings"] == [
        {
            "kind": "check",
            "name": DEBT,
            "verdict": "fails",
            "words": "Bob owes money",
            "position": None,
        }
    ]


def test_without_a_check_whatever_fails_is_found(tmp_path: Path) -> None:
    """A handler that stops, an event that cannot be folded, each with its place."""
    url = stored(tmp_path / "events.db", [("ann", Opened("Ann")), ("ann", Paid(13))])
    done = backstory("reproduce", url, "--app", APP)
    assert verdict(done) == (0, "REPRODUCED")
    assert "handler\tpurses\tfails\tValueError: thirteen brings bad luck, in " in done.out
    assert "guilty: position 2" in done.err
    assert f"backstory step {url} --app {APP} --at 2" in done.err
    url = stored(tmp_path / "more.db", [("ann", Opened("Ann")), ("ann", Paid(666))])
    done = backstory("reproduce", url, "--app", APP)
    assert "fold\tpurse-ann\tfails\tOverflowError: nobody can count that far" in done.lines
    assert verdict(backstory("reproduce", url, "--app", APP, "--at", "1")) == (6, "NOT REPRODUCED")


def test_a_check_that_is_broken_itself_cannot_tell(events: str) -> None:
    """Neither reproduced nor not."""
    done = backstory("reproduce", events, "--app", "tests.services.purses:doubtful")
    assert verdict(done) == (7, "CANNOT TELL")
    assert "ZeroDivisionError" in done.out


def test_a_capture_remembers_what_it_was_made_for(events: str, tmp_path: Path) -> None:
    """The check and the application need not be named again; what is not in it is told."""
    file = tmp_path / "bug.capture"
    line = captured(events, file, "--fails", DEBT)
    assert (line["events"], line["position"], line["file"]) == (4, 4, str(file))
    assert verdict(backstory("reproduce", str(file))) == (0, "REPRODUCED")
    other = tmp_path / "other.capture"
    done = backstory(
        *("capture", events, "--app", APP, "--at", "purse-ann@1", "--out", str(other)),
        *("--slice", "related", "--fails", DEBT),
    )
    assert done.code == 6
    assert "NOT REPRODUCED" in done.err
    assert not other.exists()


def test_a_slice_is_what_belongs_together(events: str, tmp_path: Path) -> None:
    """The stream of the moment's correlation; others by name."""
    file = tmp_path / "bug.capture"
    line = captured(events, file, "--at", "correlation:request-3", "--slice", "related")
    assert (line["events"], line["streams"]) == (2, 1)
    positions = [
        event["position"] for event in backstory("read", f"sqlite:///{file}", "--json").objects
    ]
    assert positions == [2, 4]
    assert verdict(backstory("reproduce", str(file), "--app", APP)) == (0, "REPRODUCED")
    both = tmp_path / "both.capture"
    line = captured(events, both, "--slice", "related", "--stream", "purse-ann")
    assert line["events"] == 4


def test_a_damaged_capture_is_refused(events: str, tmp_path: Path) -> None:
    """Cut short or edited: exit code 4, and what to do."""
    file, cut = tmp_path / "bug.capture", tmp_path / "cut.capture"
    captured(events, file)
    cut.write_bytes(file.read_bytes()[:-5_000])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE events SET data = replace(data, '-5', '-4')")
    for damaged in (cut, file):
        done = backstory("reproduce", str(damaged), "--app", APP)
        assert (done.code, done.out) == (4, "")
        assert "get it again" in done.err


def test_how_far_projections_had_come_is_captured(events: str, tmp_path: Path) -> None:
    """The live read model lagged; on the laptop it does, too."""
    model = f"sqlite:///{tmp_path}/model.db"
    assert backstory("as-of", events, "--app", APP, "--at", "3", "--into", model).code == 0
    file = tmp_path / "bug.capture"
    captured(events, file, "--read-model", model)
    done = backstory("reproduce", str(file), "--app", APP, "--fails", DEBT)
    assert verdict(done) == (6, "NOT REPRODUCED")
    assert "purses lags: it had come to position 3" in done.err


def test_everything_can_be_left_in_a_database(events: str, tmp_path: Path) -> None:
    """To look at with any tool."""
    place = f"sqlite:///{tmp_path}/past.db"
    done = backstory("reproduce", events, "--app", APP, "--fails", DEBT, "--db", place)
    assert verdict(done) == (0, "REPRODUCED")
    with closing(sqlite3.connect(tmp_path / "past.db")) as connection:
        assert connection.execute("SELECT total FROM purse").fetchall() == [(10,), (-5,)]
    again = backstory("reproduce", events, "--app", APP, "--fails", DEBT, "--db", place)
    assert again.code == 2


def test_a_debugger_stops_in_the_handler_before_the_guilty_event(tmp_path: Path) -> None:
    """In the user's own code, with the event at hand."""
    url = stored(tmp_path / "events.db", [("ann", Opened("Ann")), ("ann", Paid(13, "luck"))])
    done = backstory("reproduce", url, "--app", APP, "--pdb", stdin="p event.note\nc\n")
    assert done.code == 0
    assert "stopping before position 2" in done.err
    assert "purses.py" in done.err
    assert "'luck'" in done.err
    assert "thirteen brings bad luck" in done.err


async def split_among_nobody(url: str) -> str:
    """Let a command fail as in production; return the incident's moment."""
    store = await open_store(url)
    model = await ReadModel.open("sqlite://")
    await model.prepare(purses)
    repository = Repository(store, schema, decider, category="purse")
    incidents = Incidents(app, store, model)
    with pytest.raises(ZeroDivisionError) as raised:
        async with incidents.around(stream="purse-ann", command=Split(0)):
            await repository.execute("ann", Split(0))
    await model.close()
    await store.close()
    return str(raised.value.__notes__[0]).rpartition(" ")[2]


def test_an_incident_is_reproduced_from_the_store_and_from_a_capture(
    events: str, tmp_path: Path
) -> None:
    """The command is decided again, against the state that it saw."""
    moment = asyncio.run(split_among_nobody(events))
    stored(tmp_path / "events.db", [("ann", Paid(5))])
    done = backstory("reproduce", events, "--app", APP, "--at", moment)
    assert verdict(done) == (0, "REPRODUCED")
    assert "command\tpurse-ann\tfails\tZeroDivisionError" in done.out
    file = tmp_path / "bug.capture"
    captured(events, file, "--at", moment)
    assert verdict(backstory("reproduce", str(file))) == (0, "REPRODUCED")
    unknown = backstory("reproduce", events, "--app", APP, "--at", "incident:no")
    assert unknown.code == 2


def test_the_source_is_only_read(events: str, tmp_path: Path) -> None:
    """Byte for byte the same afterwards, and readable where nobody may write."""
    before = (tmp_path / "events.db").read_bytes()
    for command in (
        ("capture", events, "--app", APP, "--out", str(tmp_path / "bug.capture")),
        ("reproduce", events, "--app", APP, "--fails", DEBT),
    ):
        assert backstory(*command).code == 0
    assert (tmp_path / "events.db").read_bytes() == before
    for file in tmp_path.glob("*.db-*"):
        assert file.stat().st_size == 0 or file.name.endswith("-shm")


def test_an_application_runs_on_the_frozen_moment(tmp_path: Path) -> None:
    """The user service answers as it did then, and takes nothing new."""
    data = tmp_path / "data"
    with started("demo", "--data", str(data), "--port", "0") as service:
        url = _address(service.stderr)
        for name in ("ann", "bob"):
            _post(url, name)
        service.terminate()
        service.wait(30)
    source = f"sqlite:///{data}/events.db"
    serving = started(
        *("reproduce", source, "--app", "backstory.demo.app:users", "--at", "1"),
        *("--serve", "demo", "--port", "0"),
    )
    with serving as frozen:
        url = _address(frozen.stderr)
        with urllib.request.urlopen(f"{url}/users", timeout=30) as answer:  # noqa: S310 - our own address
            shown = json.load(answer)
        assert [user["username"] for user in shown["users"]] == ["ann"]
        with pytest.raises(urllib.error.HTTPError):
            _post(url, "cleo")
        frozen.terminate()
        assert frozen.wait(30) == 6


def _address(lines: object) -> str:
    """Return the address that a service says it listens on."""
    said = []
    for line in cast("Iterable[str]", lines):
        said.append(line)
        if "http://" in line:
            return "http://" + line.split("http://")[1].split()[0].rstrip("/")
    raise AssertionError(said)


def _post(url: str, name: str) -> None:
    body = json.dumps({"username": name, "fullName": name.title()}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/users", body, headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        assert answer.status == 201


async def fail_while_a_projection_lags(url: str) -> str:
    """Let a check fail while the read model has seen two events; return the incident's moment."""
    store = await open_store(url)
    model = await ReadModel.open("sqlite://")
    await project(app, History(store, 2), model)
    incident = await Incidents(app, store, model).record(AssertionError("no"), check=DEBT)
    await model.close()
    await store.close()
    return f"incident:{incident}"


def test_an_incident_remembers_who_lagged(events: str, tmp_path: Path) -> None:
    """What was seen then is seen again, also from the file."""
    moment = asyncio.run(fail_while_a_projection_lags(events))
    file = tmp_path / "bug.capture"
    captured(events, file, "--at", moment)
    for source in ((events, "--app", APP, "--at", moment), (str(file),)):
        done = backstory("reproduce", *source)
        assert verdict(done) == (6, "NOT REPRODUCED")
        assert "purses lags: it had come to position 2" in done.err
        assert "AssertionError: no" in done.err
