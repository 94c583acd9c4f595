"""What every topic of the suite stands on: how the store under test is named, made and opened."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import ClassVar

import pytest
import pytest_asyncio

from backstory.core.clock import Clock
from backstory.core.store import EventStore, Power
from backstory.stores.powers import POWERS
from backstory.testing.contract.powers import own_tests, reason_to_skip
from backstory.testing.making import Opener


class Topic:
    """One topic of the contract: tests that a store inherits.

    A store sets `store_name` and says its `url`; one that no URL opens overrides `make` instead.
    `powers` are what the store declares; ours are listed in `backstory.stores.powers`.
    """

    store_name: ClassVar[str]
    open_with: ClassVar[str] = "backstory.stores.open:open_store"

    def __init_subclass__(cls) -> None:
        """Let pytest-asyncio run the topic's coroutines in whichever mode it works."""
        super().__init_subclass__()
        for test in own_tests(cls).values():
            if inspect.iscoroutinefunction(test):
                pytest.mark.asyncio(test)

    def url(self, place: Path) -> str:
        """Return the URL of a store in the directory *place*."""
        message = f"{type(self).__name__} says no URL for {place}; override url, or make"
        raise NotImplementedError(message)

    async def make(self, place: Path, clock: Clock) -> EventStore:
        """Return the store in *place*, the same one each time when it is durable."""
        open_store: Callable[..., Awaitable[EventStore]] = resolve_name(self.open_with)
        return await open_store(self.url(place), clock=clock)

    @property
    def powers(self) -> frozenset[Power]:
        """Return the powers the store declares."""
        return POWERS[self.store_name]

    @pytest.fixture(autouse=True)
    def _only_with_declared_powers(self, request: pytest.FixtureRequest) -> None:
        reason = reason_to_skip(request.function, self.store_name, self.powers)
        if reason is not None:
            pytest.skip(reason)

    @pytest_asyncio.fixture
    async def opener(self, tmp_path: Path) -> AsyncIterator[Opener]:
        """Give a test that opens its stores itself the means to do so."""
        url = self.url(tmp_path) if self.powers else ""
        opener = Opener(self.make, tmp_path, url=url, open_with=self.open_with)
        yield opener
        await opener.close()

    @pytest_asyncio.fixture
    async def store(self, opener: Opener) -> EventStore:
        """Give a test an empty store of its own."""
        return await opener.open()
