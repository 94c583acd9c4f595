"""The PostgreSQL store keeps the contract, on the oldest and the newest version we promise."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path
from typing import ClassVar

import pytest

from backstory.testing.contract import StoreContract
from tests.servers.fixtures import Servers


class PostgresContract(StoreContract):
    """One database for all tests, and for each a schema of its own in it."""

    store_name = "postgres"
    version: ClassVar[int]
    database: ClassVar[str]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, postgres_servers: Servers) -> Iterator[None]:
        server = postgres_servers.any(cls.version)
        cls.database = server.create()
        yield
        server.drop_all()

    def url(self, place: Path) -> str:
        """Return the URL of a schema named after *place*."""
        name = blake2s(bytes(place), digest_size=8).hexdigest()
        return f"{self.database}?schema=test_{name}"


class TestPostgres16(PostgresContract):
    """The oldest version."""

    version = 16
    examples: ClassVar[int | None] = 40


class TestPostgres18(PostgresContract):
    """The newest version."""

    version = 18
    examples: ClassVar[int | None] = 50
