"""SQLite files to ill-treat."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from backstory import EventStore, NewEvent, open_store


def url_of(path: Path, **settings: object) -> str:
    """Return the URL of the store at *path*."""
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    return f"sqlite:///{path}{'?' + query if query else ''}"


def some_event(number: int = 0, *, size: int = 0) -> NewEvent:
    """Return an event; its data holds *number* and about *size* bytes."""
    return NewEvent.of("thing-happened", {"number": number, "filling": "x" * size})


async def fill(store: EventStore, count: int, *, streams: int = 3, size: int = 0) -> None:
    """Append *count* events, spread over some streams."""
    for start in range(0, count, 200):
        await asyncio.gather(
            *(
                store.append(f"thing-{number % streams}", [some_event(number, size=size)])
                for number in range(start, min(start + 200, count))
            )
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a store file may be made."""
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[EventStore]:
    """Return an open store at `path`."""
    opened = await open_store(url_of(path))
    yield opened
    await opened.close()


Resize = Callable[[str], None]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[tuple[Path, Resize]]:
    """Return a directory on a disk of one MiB, and a function that remounts it with options."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)  # noqa: S603, S607 - fixed words and a path of ours

    mount("size=1m")
    try:
        yield place, lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)  # noqa: S603, S607 - as above
