"""The SQLite store keeps the contract."""

from __future__ import annotations

from pathlib import Path

from backstory.testing.contract import StoreContract


class TestSqlite(StoreContract):
    """One file, shared and durable."""

    store_name = "sqlite"

    def url(self, place: Path) -> str:
        """Return the URL of a file in *place*."""
        return f"sqlite:///{place / 'events.db'}"
