"""Places for random histories: in memory and files, and in a database that all examples share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers.databases import Server
from tests.unit.timemachine.properties.places import Places


@pytest.fixture
def engines(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Return where the events are, and where read models are made, as the test's parameter says."""
    source, target = request.param
    return source, target


@pytest.fixture
def places(request: pytest.FixtureRequest, engines: tuple[str, str], tmp_path: Path) -> Places:
    """Return places on these engines."""
    databases: Mapping[str, str] = {}
    if "postgresql" in engines:
        server: Server = request.getfixturevalue("postgres")
        databases = {"postgresql": server.create()}
    return Places(str(tmp_path), databases)
