"""Schemas as earlier versions of the store left them, one of each, are opened and go on.

`old/schema-N.sql` is what pg_dump of PostgreSQL 16 wrote of a store that holds a history,
`old/schema-N-empty.sql` of one that holds none. They are never made anew: they prove what people
have in their databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path
from typing import ClassVar, Final

import pytest

from backstory import Fault, NewEvent, Read
from backstory.core.store import Verifying
from backstory.stores.postgres.migrations import SCHEMA_VERSION
from backstory.testing.contract import StoreContract
from tests.servers.databases import Server, name_of
from tests.servers.fixtures import Servers
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import Open, with_settings

OLD: Final = Path(__file__).parent / "old"
NUMBERS: Final = tuple(range(1, SCHEMA_VERSION + 1))


def dump(name: str, schema: str) -> str:
    """Return the dump of this *name* as SQL that makes *schema* of it."""
    return (OLD / name).read_text(encoding="utf-8").replace("old_store", schema)


class TestPostgresMadeBySchema1(StoreContract):
    """A dump of the first schema keeps every promise."""

    store_name = "postgres"
    examples: ClassVar[int | None] = 15
    server: ClassVar[Server]
    database: ClassVar[str]
    restored: ClassVar[set[str]]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _database(cls, postgres_servers: Servers) -> Iterator[None]:
        cls.server = postgres_servers.any(max(VERSIONS))
        cls.database = cls.server.create()
        cls.restored = set()
        yield
        cls.server.drop_all()

    def url(self, place: Path) -> str:
        """Return the URL of a schema named after *place*, restored when it is first asked for."""
        schema = f"test_{blake2s(bytes(place), digest_size=8).hexdigest()}"
        if schema not in self.restored:
            self.restored.add(schema)
            self.server.execute(dump("schema-1-empty.sql", schema), name_of(self.database))
        return with_settings(self.database, schema=schema)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_a_history_written_by_an_old_version_reads_as_it_was(
    postgres: Server, opened: Open, number: int
) -> None:
    """Nothing that was stored is lost or changed by a migration, and the store goes on from it."""
    url = postgres.create()
    postgres.execute(dump(f"schema-{number}.sql", "backstory"), name_of(url))
    store = await opened(url)
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


def test_there_is_a_dump_of_every_schema() -> None:
    """Whoever writes a migration keeps a dump of the schema before it."""
    kept = sorted(path.name for path in OLD.iterdir())
    names = [f"schema-{number}{empty}.sql" for number in NUMBERS for empty in ("", "-empty")]
    assert kept == sorted(names)
