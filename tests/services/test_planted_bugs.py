"""Eight bugs, one for each kind of cause, each found by what a person would type."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final, cast

import pytest

from backstory import Application, EventStore, RecordedEvent, open_store
from tests.planted import (
    clock_dependence,
    concurrent_writers,
    duplicate_delivery,
    lagging_read_model,
    missing_event,
    order_across_streams,
    wrong_fold,
    wrong_upcast,
)
from tests.services.command import Outcome, backstory

HOLDS: Final = 0
FAILS: Final = 1
REPRODUCED: Final = 0
NOT_REPRODUCED: Final = 6
DIFFERS: Final = 5

Object = Mapping[str, object]


class Production:
    """Where a bug has happened: the store, the live read model, and commands about them."""

    def __init__(self, bug: ModuleType, store: str, read_model: str) -> None:
        """Let *bug* happen in *store* and *read_model*."""
        self.store = store
        self.read_model = read_model
        self.file = str(Path(str(bug.__file__)))
        self.app = f"{bug.__name__}:app"
        application: Application = bug.app
        self.check = application.checks[0].name
        asyncio.run(bug.plant(store, read_model))
        self.guilty = asyncio.run(_guilty(store, bug.guilty))

    def run(self, command: str, *arguments: str) -> Outcome:
        """Run a command of the time machine on the store, with the code of the application."""
        settings = {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *_paths()])}
        return backstory(
            *(command, self.store, *arguments, "--app", self.app, "--json"), settings=settings
        )

    def read(self, *arguments: str) -> Sequence[Object]:
        """Return events of the store, as they are stored."""
        return backstory("read", self.store, *arguments, "--json").objects

    def bisected(self, *arguments: str) -> tuple[object, ...]:
        """Return the position and the id of the one event after which the check fails."""
        outcome = self.run("bisect", "--fails", self.check, *arguments)
        assert outcome.code == 0, outcome.err
        [flip] = outcome.objects
        assert (flip["before"], flip["after"], flip["first"]) == ("holds", "fails", True)
        return flip["position"], flip["id"]

    def blamed(self, *arguments: str) -> Object:
        """Return the event, and the lines, that are to blame for a value."""
        outcome = self.run("blame", *arguments)
        assert outcome.code == 0, outcome.err
        [line] = outcome.objects
        return line

    def line_of(self, text: str) -> int:
        """Return the number of the line of the application's module that *text* stands in."""
        lines = Path(self.file).read_text(encoding="utf-8").splitlines()
        [number] = [number for number, line in enumerate(lines, 1) if text in line]
        return number


def _paths() -> Sequence[str]:
    return [path for path in (os.environ.get("PYTHONPATH"),) if path]


async def _guilty(
    url: str, find: Callable[[EventStore], asyncio.Future[RecordedEvent]]
) -> RecordedEvent:
    store = await open_store(url)
    try:
        return await find(store)
    finally:
        await store.close()


@pytest.fixture
def production(request: pytest.FixtureRequest, tmp_path: Path) -> Production:
    """Return where the bug, named by the test's parameter, has happened."""
    bug, engine = request.param
    if engine == "sqlite":
        return Production(bug, f"sqlite:///{tmp_path}/events.db", f"sqlite:///{tmp_path}/rows.db")
    url: str = request.getfixturevalue("postgres_url")
    return Production(bug, url, url)


def of(bug: ModuleType, *engines: str) -> pytest.MarkDecorator:
    """Return the mark of a test of *bug*, on these *engines*."""
    cases = [(bug, engine) for engine in engines or ("sqlite",)]
    return pytest.mark.parametrize("production", cases, indirect=True, ids=[c[1] for c in cases])


def _rows(outcome: Outcome) -> Sequence[Object]:
    return [cast("Object", line["row"]) for line in outcome.objects if "row" in line]


def place_of(blame: Object) -> tuple[object, object]:
    """Return the file and the line of the handler or fold that *blame* names."""
    handler = cast("Object", blame["handler"])
    return handler["file"], handler["line"]


@of(wrong_fold)
def test_a_wrong_fold_is_found(production: Production) -> None:
    """The state goes the wrong way at one event, and the line of the fold is named."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    before, after = (
        cast(
            "Mapping[str, int]",
            production.run("state", guilty.stream, "--at", at).objects[0]["state"],
        )
        for at in (str(guilty.position - 1), str(guilty.position))
    )
    assert guilty.json() == {"cents": 900}
    assert after["balance"] - before["balance"] == -900  # a fee that was given back
    at = str(guilty.position)
    blame = production.blamed("--stream", guilty.stream, "balance", "--at", at)
    assert blame["position"] == guilty.position
    assert place_of(blame) == (production.file, production.line_of("def evolve("))


@of(wrong_upcast)
def test_a_wrong_upcast_is_found(production: Production) -> None:
    """The handler wrote what it was given; what it was given is not what is stored."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    blame = production.blamed("orders", "total", "--where", "order=97")
    assert (blame["position"], blame["after"]) == (guilty.position, 12_700)
    assert place_of(blame) == (production.file, production.line_of("def placed("))
    [stored] = production.read("--after", str(guilty.position - 1), "--limit", "1")
    assert cast("Object", stored["data"])["total"] == 127
    assert stored["metadata"] == {}  # of the first version


@of(order_across_streams)
def test_a_handler_that_counts_on_an_order_across_streams_is_found(
    production: Production,
) -> None:
    """At the guilty event a row is missing that another stream brings a moment later."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    outcome = production.run("step", "--from", str(guilty.position), "--count", "2")
    booked, scheduled = outcome.objects
    assert [change["table"] for change in cast("list[Object]", booked["changes"])] == ["booking"]
    late = cast("Object", scheduled["event"])
    assert (late["type"], late["stream"]) == ("show-scheduled", "show-premiere")
    blame = production.blamed("booking", "show", "--where", "booking=partner")
    assert blame["position"] == guilty.position
    assert place_of(blame) == (production.file, production.line_of("def booked("))


@of(duplicate_delivery, "sqlite", "postgresql")
def test_a_duplicate_delivery_is_found(production: Production) -> None:
    """Only the live rows are wrong; whoever delivers twice gets the same; the row is named."""
    guilty = production.guilty
    live = ("--read-model", production.read_model)
    assert production.run("check", *live).code == FAILS
    assert production.run("check").code == HOLDS
    assert production.run("check", "--redeliver").code == FAILS
    outcome = production.run("diff", "head", "--against", production.read_model, "--ignore", "id")
    assert outcome.code == DIFFERS
    [doubled] = [line for line in outcome.objects if line.get("change") == "added"]
    row = cast("Object", doubled["after"])
    assert (doubled["table"], row["position"]) == ("purchase", guilty.position)
    blame = production.blamed("purchase", "customer", "--where", f"purchase={row['purchase']}")
    assert blame["position"] == guilty.position
    assert place_of(blame) == (production.file, production.line_of("def bought("))


@of(lagging_read_model, "postgresql")
def test_a_read_model_that_lagged_is_found(production: Production) -> None:
    """The row was there for who had waited, and not there for who had asked."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    [stored] = production.read("--after", str(guilty.position - 1), "--limit", "1")
    seat = cast("Object", stored["data"])["seat"]
    saw = cast("Object", stored["metadata"])[lagging_read_model.SAW]
    before = str(guilty.position - 1)
    asked = ("--at", before, "--table", "seat")
    ideal = production.run("as-of", *asked)
    assert ideal.code == 0, ideal.err
    assert [row["ticket"] for row in _rows(ideal) if row["seat"] == seat] == ["ann"]
    real = production.run("as-of", *asked, "--behind", f"seats={saw}")
    assert len(_rows(real)) > 100
    assert [row for row in _rows(real) if row["seat"] == seat] == []
    assert "lags" in real.err


@of(concurrent_writers)
def test_concurrent_writers_of_a_retried_command_are_found(production: Production) -> None:
    """What was decided could not be decided on the state before; both had seen an older one."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    [state] = production.run("state", guilty.stream, "--at", str(guilty.position - 1)).objects
    assert cast("Mapping[str, int]", state["state"])["redeemed"] > 0
    attempts = [
        cast("Object", event["metadata"])
        for event in production.read("--stream", guilty.stream, "--type", "redeemed")
    ]
    assert [one[concurrent_writers.SAW] for one in attempts] == [0, 0]
    assert {one["$correlationId"] for one in attempts} == {concurrent_writers.CLIENT}
    assert guilty.revision == 2


@of(clock_dependence)
def test_a_handler_that_reads_the_clock_is_found(production: Production) -> None:
    """Behind the fences all is well, and the line is named that asks for the time."""
    guilty = production.guilty
    assert production.run("check", "--read-model", production.read_model).code == FAILS
    fenced = production.run("reproduce", "--fails", production.check)
    assert fenced.code == NOT_REPRODUCED
    place = f"{production.file}:{production.line_of('datetime.now(UTC) + MORE')}"
    [leak] = [line for line in fenced.err.splitlines() if line.startswith("leak: ")]
    assert f"datetime.now() at {place} in extended" in leak
    assert f"first for trial-extended at position {guilty.position}" in leak
    unfenced = production.run("reproduce", "--fails", production.check, "--no-fences")
    assert unfenced.code == REPRODUCED
    assert production.bisected("--no-fences") == (guilty.position, str(guilty.id))


@of(missing_event)
def test_a_missing_event_is_found(production: Production) -> None:
    """Nothing that is there is wrong: the first event behind the gap is named, and the gap."""
    guilty = production.guilty
    assert production.bisected() == (guilty.position, str(guilty.id))
    lost = missing_event.LOST
    outcome = production.run(
        *("as-of", "--at", str(guilty.position)),
        *("--sql", "SELECT number FROM notice ORDER BY number DESC LIMIT 2"),
    )
    assert [row["number"] for row in _rows(outcome)] == [lost + 1, lost - 1]
    blame = production.blamed("notice", "cents", "--where", f"number={lost + 1}")
    assert blame["position"] == guilty.position
    assert place_of(blame) == (production.file, production.line_of("def noticed("))
    # Who was in the way stands just before it.
    [between] = production.read("--after", str(guilty.position - 2), "--limit", "1")
    assert between["type"] == "account-renamed"
