"""The time machine works on SQLite, PostgreSQL, KurrentDB and a capture, by URL alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backstory.server.settings import ServerSettings
from tests.servers.postgres import PostgresServer
from tests.services.command import backstory
from tests.services.eventstoredb.served import Served
from tests.services.purses import APP, FOUR, stored


@pytest.fixture
def esdb() -> Iterator[str]:
    """Give the connection string of an empty server, whose first position is 1."""
    server = Served(settings=ServerSettings(port=0, write_timeout=30.0, seed=False))
    yield server.esdb
    server.close()


@pytest.fixture(params=["sqlite", "postgresql", "kurrentdb", "capture"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a source of each kind that holds the four events."""
    if request.param == "kurrentdb":
        return stored(request.getfixturevalue("esdb"), FOUR)
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        return stored(server.create(), FOUR)
    url = stored(tmp_path / "events.db", FOUR)
    if request.param == "sqlite":
        return url
    file = str(tmp_path / "bug.capture")
    assert backstory("capture", url, "--app", APP, "--out", file).code == 0
    return file


def test_looking_for_the_guilty_event_is_the_same_everywhere(source: str, tmp_path: Path) -> None:
    """Diff, blame, step, snapshot and another capture; the others have tests of their own."""
    app = ("--app", APP)
    differs = backstory("diff", source, "3", "4", *app, "--json")
    assert differs.code == 5, differs.err
    assert [line["change"] for line in differs.objects if "change" in line] == ["changed"]
    blamed = backstory("blame", source, "purse", "total", "--where", "owner=Bob", *app, "--json")
    assert blamed.code == 0, blamed.err
    assert blamed.objects[0]["position"] == 4
    stepped = backstory("step", source, *app, "--at", "4", "--json", stdin="next\nback\nquit\n")
    assert stepped.code == 0, stepped.err
    assert [line["step"] for line in stepped.objects] == ["done", "undone"]
    folder = str(tmp_path / "snapshots")
    assert backstory("snapshot", source, folder, *app, "--every", "2").code == 0
    again = backstory(
        *("capture", source, *app, "--snapshots", folder, "--slice", "recent"),
        *("--out", str(tmp_path / "again.capture"), "--json"),
    )
    assert again.code == 0, again.err
    assert again.objects[0]["position"] == 4
