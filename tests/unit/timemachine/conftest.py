"""A store and read models for the tests of the time machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from tests.servers.postgres import PostgresServer
from tests.unit.projections.members import DATABASES, steady_clock

OpenModel = Callable[[], Awaitable[ReadModel]]


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Return an empty store."""
    memory = MemoryStore(clock=steady_clock())
    yield memory
    await memory.close()


@pytest.fixture(params=DATABASES)
async def open_model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenModel]:
    """Return what opens an empty read model, as often as it is called."""
    async with AsyncExitStack() as stack:
        count = 0

        async def open_one() -> ReadModel:
            nonlocal count
            count += 1
            if request.param == "sqlite":
                url = f"sqlite:///{tmp_path}/model-{count}.db"
            else:
                server: PostgresServer = request.getfixturevalue("postgres")
                url = server.create()
            model = await ReadModel.open(url)
            stack.push_async_callback(model.close)
            return model

        yield open_one
