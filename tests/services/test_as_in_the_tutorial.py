"""The service as in the tutorial has the tutorial's bugs, and the demo has not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.services.command import backstory, started

TUTORIAL: Final = ("--as-in-the-tutorial",)
USERS: Final = ["ann", "bob", "cleo"]


@contextmanager
def serving(data: Path, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Give the address and the process of a running service."""
    with started("demo", "--data", str(data), "--port", "0", *flags) as service:
        assert service.stderr is not None
        line = next(line for line in service.stderr if "http://" in line)
        yield "http://" + line.split("http://")[1].split()[0], service


def post(url: str, name: str) -> int:
    """Create a user; return the status."""
    body = json.dumps({"username": name, "fullName": name.title()}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/users", body, headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
        return int(answer.status)


def listed(url: str, *, rows: int) -> list[str]:
    """Return who is listed, waiting a while for so many *rows*."""
    end = time.monotonic() + 20
    while True:
        with urllib.request.urlopen(f"{url}/users", timeout=30) as answer:  # noqa: S310 - our own address
            names = [user["username"] for user in json.load(answer)["users"]]
        if len(names) >= rows or time.monotonic() > end:
            return names
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("flags", "again"), [(TUTORIAL, USERS * 2), ((), USERS)], ids=["it", "demo"]
)
def test_a_restart_doubles_rows(tmp_path: Path, flags: tuple[str, ...], again: list[str]) -> None:
    """Events are followed from the first one at every start; the demo has a checkpoint."""
    with serving(tmp_path, *flags) as (url, service):
        assert [post(url, name) for name in USERS] == [201] * 3
        assert listed(url, rows=3) == USERS
        service.terminate()
        assert service.wait(30) == 0
    with serving(tmp_path, *flags) as (url, _):
        assert listed(url, rows=len(again)) == again


@pytest.mark.parametrize(("flags", "stored"), [(TUTORIAL, 0), ((), 1)], ids=["it", "demo"])
def test_a_201_may_be_lost(tmp_path: Path, flags: tuple[str, ...], stored: int) -> None:
    """It is answered before the event is stored; the demo answers when it is."""
    database = tmp_path / "events.db"
    with (
        serving(tmp_path, *flags) as (url, service),
        closing(sqlite3.connect(database, isolation_level=None)) as other,
    ):
        if flags:  # somebody writes for a long time; the demo would wait, and so would we
            other.execute("BEGIN IMMEDIATE")
        assert post(url, "ann") == 201
        service.kill()
        service.wait(30)
    [line] = backstory("stats", f"sqlite:///{tmp_path}/events.db", "--json").objects
    assert line["events"] == stored
