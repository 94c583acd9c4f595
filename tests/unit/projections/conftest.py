"""A store and a read model for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import steady_clock


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Return an empty store."""
    memory = MemoryStore(clock=steady_clock())
    yield memory
    await memory.close()


@pytest.fixture
async def read_model(tmp_path: Path) -> AsyncIterator[ReadModel]:
    """Return a read model in a file, which gives up on a lock quickly."""
    model = await ReadModel.open(f"sqlite:///{tmp_path}/read.db?busy_timeout=0.05")
    yield model
    await model.close()
