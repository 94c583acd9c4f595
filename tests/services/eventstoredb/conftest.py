"""Fixtures that give a test a server of ours, and the official client connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from kurrentdbclient import KurrentDBClient

from tests.services.eventstoredb.served import Served


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """Serve a store in memory that all tests of this process share; use streams of your own."""
    server = Served()
    yield server
    server.close()


@pytest.fixture
def own_served(tmp_path: Path) -> Iterator[Served]:
    """Serve a SQLite file that is this test's alone."""
    server = Served(f"sqlite:///{tmp_path}/events.db")
    yield server
    server.close()


@pytest.fixture
def client(served: Served) -> Iterator[KurrentDBClient]:
    """Give the official client, connected to the shared server."""
    connected = KurrentDBClient(served.esdb)
    yield connected
    connected.close()


@pytest.fixture
def stream() -> str:
    """Give the name of a stream that nobody else writes to."""
    return f"stream-{uuid4()}"
