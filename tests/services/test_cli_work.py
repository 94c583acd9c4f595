"""`backstory work` and `backstory parked`: what people and programs see of workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from backstory import NewEvent, open_store
from tests.services.command import PATIENCE, backstory, in_terminal, started
from tests.services.working import Spoilt, count, schema

APP = ("--app", "tests.services.working:application")


class Places:
    """The URLs of a store and of a read model in a folder, as options."""

    def __init__(self, folder: Path) -> None:
        """Name them; neither is there yet."""
        self.folder = folder
        self.store = f"sqlite:///{folder}/events.db"
        self.model = ("--read-model", f"sqlite:///{folder}/read.db")
        self.both = ("--store", self.store, *self.model)

    def append(self, *events: NewEvent, stream: str = "thing-1") -> None:
        """Append *events*."""

        async def append() -> None:
            store = await open_store(self.store)
            await store.append(stream, events)
            await store.close()

        asyncio.run(append())

    def spoil(self, times: int = 1, stream: str = "thing-1") -> Path:
        """Append events that cannot be applied while the file that is returned is there."""
        file = self.folder / "in the way"
        file.touch()
        for _ in range(times):
            self.append(schema.encode(Spoilt(str(file))), stream=stream)
        return file

    def work(self, *until: str, projection: str = "parking") -> list[dict[str, Any]]:
        """Run workers until a line holds each of *until*; return the lines."""
        lines = []
        options = ("--projection", projection, "--lease", "1", "--every", "0.1", "--json")
        with started("work", *APP, *self.both, *options) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(json.loads(line))
                if all(word in line for word in until):
                    break
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        return lines


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Return a store with one event, and a read model that is not there yet."""
    found = Places(tmp_path)
    found.append(count(1), count(2))
    return found


def test_work_tells_programs_what_happens_and_how_things_stand(places: Places) -> None:
    """A line for each change, and now and then a line for each partition."""
    lines = places.work('"partition"', '"live"', '"position":2', projection="tally")
    changes = [line["change"] for line in lines if "change" in line]
    standing = [line["partition"] for line in lines if "partition" in line]
    assert ("tally", "taken") in {(change["projection"], change["what"]) for change in changes}
    assert {status["lag"] for status in standing if status["state"] == "live"} == {0}
    assert all(status["token"] >= 1 for status in standing)


def test_work_in_a_pipe_is_plain_lines_and_ends_with_ctrl_c(places: Places) -> None:
    """Tabs between the fields, words on stderr, exit code 0."""
    options = ("--projection", "tally", "--every", "0.1")
    with started("work", *APP, *places.both, *options) as process:
        assert process.stdout is not None
        for line in process.stdout:
            kind, *fields = line.rstrip("\n").split("\t")
            if kind == "partition" and fields[3:5] == ["live", "2"]:
                break
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    assert "working; Ctrl-C ends" in words


def test_a_projection_that_fails_is_told_and_makes_the_exit_code_1(places: Places) -> None:
    """The others go on; whoever restarts the process sees why."""
    script = places.folder / "failing.py"
    script.write_text(
        "from backstory import Application, Projection\n"
        "from tests.services.working import Counted, schema\n"
        "bad = Projection('bad', tables=[])\n"
        "@bad.on(Counted)\n"
        "def counted(event, recorded):\n"
        "    raise RuntimeError('no')\n"
        "    yield\n"
        "application = Application(name='failing', schema=schema, projections=(bad,))\n"
    )
    path = os.pathsep.join([str(places.folder), str(Path.cwd())])
    with started(
        "work",
        "--app",
        "failing:application",
        *places.both,
        "--json",
        settings={"PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "failing.py:6" in line:
                break
        process.send_signal(signal.SIGTERM)
        _, words = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert "bad has failed" in words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--projection", "nothing"), "it has: tally, parking, telling"),
        (("--lease", "0"), "0.2"),
        (("--app", "nowhere:app"), "no module 'nowhere'"),
        (("--store", "sqlite:////nowhere/e.db"), "nowhere"),
        (("--read-model", "mysql://x"), "no read model is found"),
    ],
)
def test_what_cannot_work_is_told_and_nothing_begins(
    places: Places, given: tuple[str, str], words: str
) -> None:
    """An exit code that says whose fault it is, and one sentence that says what to do."""
    done = backstory("work", *APP, *places.both, *given)
    assert done.code in {2, 3}
    assert words in done.err
    assert done.out == ""


def test_parked_events_are_listed_shown_retried_and_purged(places: Places) -> None:
    """The whole way of an event that could not be applied."""
    file = places.spoil(3)
    places.work('"parked":3')
    listed = backstory("parked", "list", *places.model, "--json").objects
    assert [one["position"] for one in listed] == [3, 4, 5]
    assert [one["attempts"] for one in listed] == [1, 0, 0]
    plain = backstory("parked", "list", *places.model)
    assert (plain.code, len(plain.lines)) == (0, 3)
    assert "in the way" in plain.lines[0]
    whole = backstory("parked", "show", "3", *places.both)
    assert "working.py" in whole.out
    assert "RuntimeError" in whole.out

    again = backstory("parked", "retry", *APP, *places.both, "--projection", "parking", "--json")
    assert again.code == 1
    assert again.objects[0]["left"] == 3
    file.unlink()
    done = backstory("parked", "retry", *APP, *places.both, "--projection", "parking", "--json")
    assert (done.code, done.objects[0]["applied"]) == (0, 3)
    nothing = backstory("parked", "list", *places.model)
    assert (nothing.out, "nothing is parked" in nothing.err) == ("", True)


def test_purging_asks_first_and_lets_go_of_what_was_named(places: Places) -> None:
    """What is purged is never applied, so a slip of the hand must not do it."""
    places.spoil(2)
    places.work('"parked":2')
    purge = ("parked", "purge", *places.model, "--projection", "parking")
    refused = backstory(*purge)
    assert (refused.code, "give --yes" in refused.err) == (2, True)
    both = backstory(*purge, "--yes", "--stream", "a", "--position", "3")
    assert (both.code, "not both" in both.err) == (2, True)
    assert backstory(*purge, "--yes", "--position", "4").code == 0
    assert len(backstory("parked", "list", *places.model).lines) == 1
    assert backstory(*purge, "--yes").code == 0
    assert backstory("parked", "list", *places.model).lines == []


def test_on_a_terminal_parked_events_are_a_table(places: Places) -> None:
    """For the person on call."""
    places.spoil()
    places.work('"parked":1')
    code, shown = in_terminal("parked", "list", *places.model)
    assert code == 0
    assert "parking" in shown
    assert "thing-1" in shown


def test_a_read_model_that_is_not_there_is_not_made(places: Places) -> None:
    """Looking must not create what it looks at."""
    done = backstory("parked", "list", *places.model)
    assert done.code == 3
    assert not (places.folder / "read.db").exists()
