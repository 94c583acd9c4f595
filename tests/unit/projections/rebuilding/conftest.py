"""Databases as users have them: a lock is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.projections.members import DATABASES


@pytest.fixture(params=DATABASES)
def read_model_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, with the timeouts that there are by default."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/read.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
