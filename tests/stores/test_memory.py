"""The memory store keeps the contract."""

from __future__ import annotations

from pathlib import Path

from backstory.testing.contract import StoreContract


class TestMemory(StoreContract):
    """The reference implementation."""

    store_name = "memory"

    def url(self, place: Path) -> str:  # noqa: ARG002 - a store in memory has no place
        """Return the one URL a store in memory has."""
        return "memory:"
