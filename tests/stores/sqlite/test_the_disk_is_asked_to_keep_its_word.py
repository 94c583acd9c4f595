from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import apsw
import pytest

from backstory import OutcomeUnknown, Read, open_store
from tests.stores.sqlite.conftest import some_event, url_of

_REAL: Final = apsw.vfs_names()[0]


class _File(apsw.VFSFile):
    """A file of a disk that counts syncs and can be told to fail them."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], disk: _Disk) -> None:
        self._disk = disk
        super().__init__(_REAL, cast("str", name), flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.syncs += 1
        if self._disk.fails:
            message = "the disk could not sync"
            raise apsw.IOError(message)
        super().xSync(flags)


class _Disk(apsw.VFS):
    """The ordinary disk, watched; every connection opened meanwhile uses it."""

    def __init__(self) -> None:
        self.syncs = 0
        self.fails = False
        super().__init__("watched", _REAL, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # noqa: N802 - SQLite's name
        return _File(name, flags, self)


@pytest.fixture
def disk() -> Iterator[_Disk]:
    """Return the disk that stores are opened on."""
    watched = _Disk()
    yield watched
    watched.unregister()
    assert apsw.vfs_names()[0] == _REAL


async def test_every_append_is_synced_before_it_is_answered(disk: _Disk, path: Path) -> None:
    """An append that returned survives power loss, as far as the disk keeps its word."""
    store = await open_store(url_of(path))
    for number in range(5):
        before = disk.syncs
        await store.append("a-1", [some_event(number)])
        assert disk.syncs > before
    await store.close()


async def test_a_sync_that_fails_leaves_the_outcome_unknown_and_a_retry_settles_it(
    disk: _Disk, path: Path
) -> None:
    """The caller is told that nobody knows, repeats the append, and the event is there once."""
    store = await open_store(url_of(path))
    await store.append("a-1", [some_event(0)])
    event = some_event(1)
    disk.fails = True
    with pytest.raises(OutcomeUnknown, match="append the same events"):
        await store.append("a-1", [event], expected=0)
    disk.fails = False
    settled = await store.append("a-1", [event], expected=0)
    assert (settled.revision, settled.position) == (1, 2)
    assert await store.append("a-1", [event], expected=0) == settled
    assert len(await store.read(Read(stream="a-1"))) == 2
    await store.close()
