"""The store on KurrentDB keeps the contract: on our own server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

import pytest

from backstory.core.clock import Clock, system_clock
from backstory.core.store import EventStore
from backstory.server.settings import ServerSettings
from backstory.testing.contract import StoreContract
from tests.services.command import started
from tests.services.eventstoredb.served import Served


class TestKurrentdb(StoreContract):
    """Each place is a server of ours, with an empty store in memory."""

    store_name = "kurrentdb"
    examples: ClassVar[int | None] = 10

    @pytest.fixture(autouse=True)
    def _servers(self, request: pytest.FixtureRequest) -> Iterator[None]:
        self._served: dict[Path, Served] = {}
        self._clocks: dict[Path, Clock] = {}
        self._urls: dict[Path, str] = {}
        with ExitStack() as self._processes:
            # What a store keeps is measured without what its server keeps.
            apart = ("bounded_by_one_page", "no_growing_memory", "threads_and_files")
            self._apart = any(name in request.node.name for name in apart)
            yield
        for server in self._served.values():
            server.close()

    def url(self, place: Path) -> str:
        """Return the URL of the server of *place*."""
        if self._apart and place in self._urls:
            return self._urls[place]
        if self._apart:
            process = self._processes.enter_context(started("serve", "memory:", "--port", "0"))
            assert process.stderr is not None
            while "clients" not in (line := process.stderr.readline()):
                assert line
            self._urls[place] = line.split()[-1]
            return self._urls[place]
        if place not in self._served:
            # Without the seed positions begin with 1, as in our own stores.
            settings = ServerSettings(port=0, write_timeout=30.0, seed=False)

            def clock_of_the_test() -> object:
                return self._clocks.get(place, system_clock)()

            self._served[place] = Served(settings=settings, clock=clock_of_the_test)  # type: ignore[arg-type]  # answers a time
        return self._served[place].esdb

    async def make(self, place: Path, clock: Clock) -> EventStore:
        """Return a client of the server of *place*, whose time is told by *clock*."""
        self._clocks[place] = clock
        return await super().make(place, clock)
