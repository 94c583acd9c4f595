from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.snippets import ROOT


def _spans_of(task: str, *urls: str) -> list[dict[str, Any]]:
    """Return the spans of a process of its own that does *task*."""
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-m", "tests.services.traced", task, *urls],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env=os.environ,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    spans: list[dict[str, Any]] = json.loads(done.stdout)
    return spans


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_trace_leads_from_the_command_to_the_projection_in_another_process(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    """What joins them is the event: nothing else goes from one process to the other."""
    store = f"sqlite:///{tmp_path}/events.db"
    read_model = f"sqlite:///{tmp_path}/read.db"
    if database == "postgresql":
        store = read_model = request.getfixturevalue("postgres_url")
    written = _spans_of("write", store, read_model)
    applied = _spans_of("apply", store, read_model)
    executes = [span for span in written if span["name"] == "execute"]
    assert [span["attributes"]["backstory.stream"] for span in executes] == ["user-ann", "user-bob"]
    assert [span["attributes"]["backstory.correlation_id"] for span in executes] == [
        "request of ann",
        "request of bob",
    ]
    for span in written:
        if span["name"] != "execute":
            assert span["parent"] in {execute["span"] for execute in executes}
    assert {span["name"] for span in applied} == {"apply"}
    links = [link for span in applied for link in span["links"]]
    assert links == [[span["trace"], span["span"]] for span in executes]
    assert sum(span["attributes"]["backstory.events"] for span in applied) == 2
    assert {span["trace"] for span in applied}.isdisjoint(span["trace"] for span in written)
