"""Starting child processes that use the store under test, and reading what they say."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from backstory.testing.making import Opener

CHILD = Path(__file__).with_name("child.py")
PATIENCE = 60.0


class Child:
    """A process that says one JSON line for each thing done."""

    def __init__(self, process: Process) -> None:
        """Listen to *process*."""
        self.process = process

    @classmethod
    async def start(cls, opener: Opener, role: str, *arguments: object) -> Child:
        """Return a child that plays *role* (see `child.py`) on the store of *opener*."""
        # -P: the script's own folder must not become the first place to import from.
        command = [sys.executable, "-P", str(CHILD), role, opener.open_with, opener.url]
        return cls(
            await asyncio.create_subprocess_exec(*command, *map(str, arguments), stdout=PIPE)
        )

    async def lines(self) -> AsyncIterator[list[object]]:
        """Yield what the child says until it ends; a line cut off by its death does not count."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):
                said: list[object] = json.loads(line)
                yield said

    async def result(self) -> list[list[object]]:
        """Return all the child said, once it ended well."""
        try:
            async with asyncio.timeout(PATIENCE):
                said = [line async for line in self.lines()]
                assert await self.process.wait() == 0
        finally:
            await self.kill()
        return said

    async def kill(self) -> None:
        """End the child at once, as a power cut would, unless it ended already."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
