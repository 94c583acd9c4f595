"""Comparing thousands of histories may take longer than other tests."""

from __future__ import annotations

import pytest

from backstory.testing import StoreContract

LONG_ENOUGH = 300
COMPARISON = StoreContract.test_every_history_reads_as_in_the_memory_store.__name__


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the comparison with the model the time that its examples in CI need."""
    for item in items:
        if isinstance(item, pytest.Function) and item.originalname == COMPARISON:
            item.add_marker(pytest.mark.timeout(LONG_ENOUGH))
