"""A store and a read model for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import DATABASES, steady_clock


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Return an empty store."""
    memory = MemoryStore(clock=steady_clock())
    yield memory
    await memory.close()


@pytest.fixture(params=DATABASES)
def read_model_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, in which a lock is given up on quickly."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/read.db?busy_timeout=0.05"
    url: str = request.getfixturevalue("postgres_url")
    return f"{url}?busy_timeout=0.05"


@pytest.fixture
async def read_model(read_model_url: str) -> AsyncIterator[ReadModel]:
    """Return an empty read model."""
    model = await ReadModel.open(read_model_url)
    yield model
    await model.close()
