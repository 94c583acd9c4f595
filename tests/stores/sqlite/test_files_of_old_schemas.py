"""Files as earlier versions of the store left them, one of each schema, are opened and go on.

`old/schema-N.db` holds a history, `old/schema-N-empty.db` only the tables. They are never made
anew: they prove what people have on their disks.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar, Final

import pytest

from backstory import Fault, NewEvent, Read, open_store
from backstory.core.store import Verifying
from backstory.stores.sqlite.connection import SCHEMA_VERSION
from backstory.testing.contract import StoreContract
from tests.stores.sqlite.conftest import url_of

OLD: Final = Path(__file__).parent / "old"
VERSIONS: Final = tuple(range(1, SCHEMA_VERSION + 1))


class TestSqliteMadeBySchema1(StoreContract):
    """A file of the first schema keeps every promise."""

    store_name = "sqlite"
    examples: ClassVar[int | None] = 50

    def url(self, place: Path) -> str:
        """Return the URL of a copy of the old file in *place*."""
        path = place / "events.db"
        if not path.exists():
            shutil.copy(OLD / "schema-1-empty.db", path)
        return url_of(path)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_history_written_by_an_old_version_reads_as_it_was(
    version: int, path: Path
) -> None:
    """Nothing that was stored is lost or changed by a migration, and the store goes on from it."""
    shutil.copy(OLD / f"schema-{version}.db", path)
    store = await open_store(url_of(path))
    log = await store.read(Read())
    assert [event.position for event in log] == list(range(1, 47))
    assert [event.id.int for event in log] == [*range(1, 41), *range(1000, 1005), 5000]
    assert log[0].json() == {"number": 0, "fullName": "Name 0"}
    assert log[0].meta() == {"$correlationId": "0"}
    assert log[0].recorded_at.isoformat() == "2026-11-23T09:00:00.250000+00:00"
    assert log[-1].data == b'"text \\u0000 with anything"'
    assert [e.revision for e in await store.read(Read(stream="user-3"))] == list(range(6))
    assert len(await store.read(Read(category="user", types=("user-renamed",)))) == 33
    assert isinstance(store, Verifying)
    assert not [found async for found in store.verify() if isinstance(found, Fault)]
    appended = await store.append("user-3", [NewEvent.of("user-deleted", {})], expected=5)
    assert (appended.revision, appended.position) == (6, 47)
    await store.close()


def test_there_is_a_file_of_every_schema() -> None:
    """Whoever writes a migration keeps a file of the schema before it."""
    kept = sorted(path.name for path in OLD.iterdir())
    names = [f"schema-{version}{empty}.db" for version in VERSIONS for empty in ("", "-empty")]
    assert kept == sorted(names)
