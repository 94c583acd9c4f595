from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

import pytest

PROBE: Final = """
import json, sys, time
before = set(sys.modules)
started = time.perf_counter()
import backstory
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


def _import_once() -> tuple[float, list[str]]:
    # An empty environment: coverage of child processes would import itself first.
    command = [sys.executable, "-c", PROBE]
    answer = subprocess.run(command, capture_output=True, check=True, env={}, text=True)  # noqa: S603 - our own Python
    told = json.loads(answer.stdout)
    return told["seconds"], told["modules"]


def test_importing_backstory_imports_no_third_party() -> None:
    """Whoever wants one name pays for no driver."""
    _, modules = _import_once()
    tops = {name.partition(".")[0] for name in modules}
    assert tops - sys.stdlib_module_names == {"backstory"}


@pytest.mark.alone
def test_importing_backstory_takes_at_most_60_ms() -> None:
    """The best of ten: what the import costs when nothing else runs."""
    assert min(_import_once()[0] for _ in range(10)) <= 0.060
