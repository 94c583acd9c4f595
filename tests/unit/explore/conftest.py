"""What the tests of `explore` share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backstory import EventStore, open_store


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    """Give an empty store."""
    opened = await open_store("memory:")
    yield opened
    await opened.close()
