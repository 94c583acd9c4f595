"""`backstory tour`: a real bug, followed to its event, unattended."""

from __future__ import annotations

import re
from pathlib import Path

from tests.services.command import backstory


def test_the_tour_ends_at_the_guilty_event(tmp_path: Path) -> None:
    """Every step ends as it should, with what the commands really say."""
    folder = tmp_path / "tour"
    done = backstory("tour", "--keep", str(folder))
    assert done.code == 0, done.err
    steps = re.findall(r"^\$ .*?backstory (\S+)", done.out, re.MULTILINE)
    words = "read check capture reproduce reproduce as-of bisect step check"
    assert steps == words.split()
    assert "donald-le, ada, grace, donald-le, ada, grace" in done.out
    assert done.lines.index("NOT REPRODUCED") < done.lines.index("REPRODUCED")
    assert "first\t1\tholds -> fails" in done.out
    captured = (folder / "bug.capture").read_bytes()
    assert b"donald" not in captured
    assert b"Lovelace" not in captured
    again = backstory("tour", "--keep", str(folder))
    assert (again.code, again.out) == (2, "")
