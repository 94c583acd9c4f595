from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import apsw
import pytest

from backstory import NO_STREAM, EventStore, Read, open_store, pages
from backstory.stores.sqlite import SqliteStore, quick_reader
from tests.stores.sqlite.conftest import fill, some_event, url_of

_REAL: Final = apsw.vfs_names()[0]
_SLOW: Final = 0.02
_PAGE: Final = 4096


class _SlowFile(apsw.VFSFile):
    """A file whose syncs take as long as those of a bad disk."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(_REAL, cast("str", name), flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        time.sleep(_SLOW)
        super().xSync(flags)


class _SlowDisk(apsw.VFS):
    """The ordinary disk, but slow; every connection opened meanwhile uses it."""

    def __init__(self) -> None:
        super().__init__("slow", _REAL, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _SlowFile:  # noqa: N802 - SQLite's name
        return _SlowFile(name, flags)


@pytest.fixture
def slow_disk() -> Iterator[None]:
    """Make the disk slow."""
    disk = _SlowDisk()
    yield
    disk.unregister()


def _watched(store: EventStore) -> list[bool]:
    """Return a list that tells of each commit whether the event loop's own thread did it."""
    assert isinstance(store, SqliteStore)
    here: list[bool] = []

    def note() -> bool:
        here.append(threading.current_thread() is threading.main_thread())
        return False

    store._writing.set_commit_hook(note)  # noqa: SLF001 - who commits shows nowhere else
    return here


@pytest.mark.usefixtures("slow_disk")
async def test_a_slow_disk_is_left_to_the_thread(path: Path) -> None:
    """The event loop finds out once, and then stays free for everything else."""
    store = await open_store(url_of(path))
    here = _watched(store)
    for number in range(8):
        await store.append("a-1", [some_event(number)])
    assert sum(here) <= 3
    assert len(here) == 8
    await store.close()


async def test_a_large_group_is_left_to_the_thread(store: EventStore) -> None:
    """A megabyte takes the disk a while, however quick it was until now."""
    here = _watched(store)
    await store.append("a-1", [some_event(size=1_000_000)])
    assert here == [False]


async def test_the_event_loop_goes_on_while_another_process_holds_the_lock(
    store: EventStore, path: Path
) -> None:
    """Waiting for a lock is not for the event loop; the append is stored when it is free."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    here = _watched(store)
    append = asyncio.create_task(store.append("a-1", [some_event()], expected=NO_STREAM))
    began = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - began < 1
    assert not append.done()
    other.execute("ROLLBACK")
    assert (await append).position == 1
    assert here == [False]
    other.close()


async def test_the_write_ahead_log_is_tidied_up_by_the_thread(
    store: EventStore, path: Path
) -> None:
    """It does not grow with the events, and the event loop never copies it."""
    here = _watched(store)
    await fill(store, 6_000, size=2_000)
    log = path.with_name(path.name + "-wal").stat().st_size
    assert log < 3_000 * _PAGE
    assert path.stat().st_size > 6_000 * 2_000 / 2
    assert not all(here)


async def test_appends_wait_in_line_behind_those_that_went_to_the_thread(
    store: EventStore,
) -> None:
    """Whoever appends first stands first, whoever does the writing."""
    sizes = [10, 600_000, 10, 10, 600_000, 10]
    tasks = []
    for number, size in enumerate(sizes):
        append = store.append("a-1", [some_event(number, size=size)])
        tasks.append(asyncio.create_task(append))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [(await task).revision for task in tasks] == [0, 1, 2, 3, 4, 5]


async def test_a_read_that_takes_long_is_broken_off_and_answered_by_a_thread(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is the same; only the event loop does not wait for it."""
    assert isinstance(store, SqliteStore)
    await fill(store, 1_000)
    query = Read(category="thing")
    quick = store._quick_reader  # noqa: SLF001 - who reads shows nowhere else
    monkeypatch.setattr(quick_reader, "PATIENCE", 60.0)
    expected = quick.read(query)
    assert expected is not None
    assert len(expected) == 1_000
    monkeypatch.setattr(quick_reader, "PATIENCE", -1.0)
    assert quick.read(query) is None
    assert await store.read(query) == expected


async def test_large_pages_are_read_by_a_thread(store: EventStore) -> None:
    """Ten thousand events are more than an event loop should wait for."""
    assert isinstance(store, SqliteStore)
    await fill(store, 1_500)
    quick = store._quick_reader  # noqa: SLF001 - as above
    assert quick.read(Read(limit=quick_reader.MOST + 1)) is None
    assert len(await store.read(Read(limit=10_000))) == 1_500


async def test_a_task_that_reads_on_and_on_lets_other_tasks_run(store: EventStore) -> None:
    """However quick the pages come, the event loop is not the reader's alone."""
    await fill(store, 3_000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(count())
    for _ in range(20):
        async for _page in pages(store, Read(limit=500)):
            pass
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert turns >= 20
