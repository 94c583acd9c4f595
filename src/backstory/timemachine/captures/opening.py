"""Opening a capture: nothing of it is believed before its hashes are right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote

import apsw
import msgspec

from backstory.core.errors import CaptureDamaged, InvalidSetting, StoreError
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.core.store import EventStore
from backstory.stores.sqlite.connection import APPLICATION_ID
from backstory.stores.sqlite.store import SqliteStore
from backstory.timemachine.captures import archive
from backstory.timemachine.captures.hashing import RangeHash
from backstory.timemachine.captures.manifest import CaptureManifest, load_manifest, sha256_of

_HEADER: Final = b"SQLite format 3\x00"
_APPLICATION_AT: Final = slice(68, 72)
_HEADER_BYTES: Final = 100


class Capture(msgspec.Struct, frozen=True):
    """A capture that is open: its events, what it says, its hash, and a folder of its snapshot."""

    store: EventStore
    manifest: CaptureManifest
    sha256: str
    snapshots: Path | None


def is_capture(path: Path) -> bool:
    """Say whether *path* is a file that looks like a capture, whole or damaged.

    Raises `InvalidSetting` when it cannot be read.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        ours = int.from_bytes(header[_APPLICATION_AT]) == APPLICATION_ID
        if not header.startswith(_HEADER) or not ours:
            return False
        with closing(_connect(path)) as connection:
            return bool(connection.table_exists("main", "capture"))
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise InvalidSetting(message) from error
    except apsw.Error:
        return True


@asynccontextmanager
async def open_capture(path: Path) -> AsyncIterator[Capture]:
    """Give the capture at *path*, to be read alone, once every hash in it was found right.

    Reads it all once. Raises `CaptureDamaged` when it was cut short or edited, is of another
    format, or is none.
    """
    place = str(path)
    with TemporaryDirectory(prefix="backstory-") as directory:
        folder = Path(directory)
        manifest, sha256 = await asyncio.to_thread(_look, path, folder)
        try:
            # As read-only as the file: no journal, no lock, nothing is left beside it.
            store = await SqliteStore.open(f"sqlite:///{_quoted(path)}?mode=ro")
        except StoreError as error:
            raise CaptureDamaged(_damage(place, str(error))) from error
        try:
            await _check_events(store, manifest, place)
            yield Capture(store, manifest, sha256, folder if manifest.files else None)
        finally:
            await store.close()


def _quoted(path: Path) -> str:
    return quote(str(path.absolute()))


def _connect(path: Path) -> apsw.Connection:
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def _look(path: Path, folder: Path) -> tuple[CaptureManifest, str]:
    place = str(path)
    if not path.is_file():
        message = f"there is no file {place}"
        raise InvalidSetting(message)
    try:
        with closing(_connect(path)) as connection:
            if not connection.table_exists("main", "capture"):
                message = f"{place} is no capture"
                raise CaptureDamaged(message)
            document = archive.get_document(connection, archive.MANIFEST, place)
            sha256 = archive.get_document(connection, archive.SHA256, place).decode(
                "ascii", "replace"
            )
            if sha256 != sha256_of(document):
                raise CaptureDamaged(_damage(place, "its manifest is not the one it was made with"))
            manifest = load_manifest(document, place)
            for kept in manifest.files:
                archive.take_out(connection, kept, folder / kept.name, place)
    except apsw.Error as error:
        raise CaptureDamaged(_damage(place, str(error))) from error
    return manifest, sha256


async def _check_events(store: EventStore, manifest: CaptureManifest, place: str) -> None:
    found = RangeHash()
    try:
        async for page in pages(store, Read(limit=MAX_LIMIT)):
            await asyncio.to_thread(found.add, page)
    except (StoreError, UnicodeError, ValueError) as error:
        raise CaptureDamaged(_damage(place, str(error))) from error
    if found.hexadecimal != manifest.range.sha256:
        reason = (
            f"it holds {found.count:,} events, not the {manifest.range.events:,} it was made of"
        )
        if found.count == manifest.range.events:
            reason = "its events are not the ones it was made of"
        raise CaptureDamaged(_damage(place, reason))


def _damage(place: str, reason: str) -> str:
    return (
        f"{place} was cut short or changed after it was made ({reason.rstrip('.')}); get it again "
        "from where it was made"
    )
