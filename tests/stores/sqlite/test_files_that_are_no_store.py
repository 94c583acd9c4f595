from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import apsw
import pytest

from backstory import EventStore, Read, open_store
from backstory.core.errors import (
    InvalidSetting,
    StoreDamaged,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersionUnsupported,
)
from tests.stores.sqlite.conftest import fill, some_event, url_of


async def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    """A SQLite file that is not ours is not written to."""
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customers (name TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="another program"):
        await open_store(url_of(path))
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Garbage is named as such."""
    path.write_bytes(b"these are not the pages you are looking for" * 200)
    with pytest.raises(StoreDamaged, match="not a Backstory store"):
        await open_store(url_of(path))


async def test_a_newer_store_is_refused_with_both_versions(path: Path) -> None:
    """A file written by a newer release is not touched."""
    await (await open_store(url_of(path))).close()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreVersionUnsupported, match=r"version 99.*Upgrade") as raised:
        await open_store(url_of(path))
    assert raised.value.found == 99


async def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """`touch store.db` harms nobody."""
    path.touch()
    store = await open_store(url_of(path))
    assert (await store.append("a-1", [some_event()])).position == 1
    await store.close()


@pytest.mark.parametrize("mode", ["ro", "rw"])
async def test_a_missing_file_is_not_created_unless_asked(path: Path, mode: str) -> None:
    """`mode=ro` and `mode=rw` need a file that is there."""
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await open_store(url_of(path, mode=mode))
    assert not path.exists()


async def test_reading_an_empty_file_says_that_it_is_empty(path: Path) -> None:
    """A file without a store in it cannot be read."""
    path.touch()
    with pytest.raises(StoreDamaged, match="holds no event store"):
        await open_store(url_of(path, mode="ro"))


async def test_a_directory_is_not_a_store(tmp_path: Path) -> None:
    """The error says that the path is a directory."""
    with pytest.raises(StoreUnavailable, match="is a directory"):
        await open_store(url_of(tmp_path))


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The error says which directory is missing."""
    with pytest.raises(StoreUnavailable, match="nowhere is no directory"):
        await open_store(url_of(tmp_path / "nowhere" / "store.db"))


async def test_a_store_opened_to_read_refuses_appends(path: Path) -> None:
    """`mode=ro` reads and never writes."""
    writing = await open_store(url_of(path))
    await fill(writing, 3)
    reading = await open_store(url_of(path, mode="ro"))
    assert len(await reading.read(Read())) == 3
    with pytest.raises(StoreReadOnly, match="mode=ro"):
        await reading.append("a-1", [some_event()])
    await reading.close()
    await writing.close()


async def test_a_truncated_file_is_named_as_damaged(path: Path) -> None:
    """What a truncated file still holds is read; what it lost is an error, never silence."""
    store = await open_store(url_of(path))
    await fill(store, 500, size=500)
    await store.close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreDamaged, match="backstory verify"):  # noqa: PT012 - opening may notice, or reading
        reopened = await open_store(url_of(path))
        try:
            for after in range(500):
                await reopened.read(Read(after=after, limit=1))
        finally:
            await reopened.close()


async def test_two_openers_of_a_new_file_make_one_store(path: Path) -> None:
    """Creating the tables is done once, whoever is first."""
    stores = await asyncio.gather(*(open_store(url_of(path)) for _ in range(8)))
    await asyncio.gather(*(fill(store, 5) for store in stores))
    assert await stores[0].head() == 40
    for store in stores:
        await store.close()


async def test_closing_folds_everything_into_one_file(path: Path) -> None:
    """After the last close there is one file to copy."""
    store = await open_store(url_of(path))
    await fill(store, 10)
    await store.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["store.db"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://host/file.db",
        "sqlite:///:memory:",
        "sqlite:///file.db?unknown=1",
        "sqlite:///file.db?mode=sideways",
        "sqlite:///file.db?readers=0",
        "sqlite:///file.db?readers=many",
        "sqlite:///file.db?readers=1&readers=2",
        "sqlite:///file.db?busy_timeout=nan",
        "sqlite:///a%00b.db",
        "memory://name",
        "mysql://host/db",
        "file.db",
        "",
    ],
)
async def test_a_url_that_makes_no_sense_is_refused(url: str) -> None:
    """Typing errors in a URL never open something else."""
    with pytest.raises(InvalidSetting):
        await open_store(url)


async def test_names_in_urls_are_percent_decoded(tmp_path: Path) -> None:
    """A path with a space or a question mark can be written."""
    store: EventStore = await open_store(url_of(tmp_path / "my%20events%3F.db"))
    await store.close()
    assert (tmp_path / "my events?.db").exists()
