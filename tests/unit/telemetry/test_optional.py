"""What observes is optional: without its libraries all else works, and says what is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

_WITHOUT: Final = """
import asyncio, sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in {"opentelemetry", "prometheus_client"}
        return None if hidden else PathFinder.find_spec(name, path, target)

sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]

import backstory
for name in ("Metrics", "Tracing", "metrics_app", "serve_metrics"):
    try:
        getattr(backstory, name)
    except ModuleNotFoundError as error:
        print(error)
backstory.start_logging()

from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.service import service

async def main():
    telemetry = backstory.Telemetry.installed()
    users = await EventSourcedUsers.open("memory:", "memory:", telemetry=telemetry)
    service(users, telemetry)
    print((await users.create("ann", "Ann", key=None)).revision)
    await users.close()

asyncio.run(main())
"""


def test_without_the_libraries_all_else_works() -> None:
    """A small installation stays small; who asks for metrics is told what to install."""
    done = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *missing, revision = done.stdout.splitlines()
    assert revision == "0"
    assert len(missing) == 4
    assert all("pip install 'backstory[telemetry]'" in line for line in missing)
