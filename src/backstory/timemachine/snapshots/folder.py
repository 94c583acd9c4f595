"""Where snapshots are kept: a directory, or whatever fsspec makes look like one.

    FOLDER/00000000000000050000/manifest.json
    FOLDER/00000000000000050000/0-0.rows

The manifest is written last: what has none is the remains of one that was cut short, and is not
there for anybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

import fsspec
import msgspec

from backstory.core.errors import InvalidSetting, SnapshotDamaged
from backstory.timemachine.snapshots.manifest import Manifest, dump_manifest, load_manifest

_MANIFEST: Final = "manifest.json"
_DIGITS: Final = 20
_NAME: Final = re.compile(rf"\d{{{_DIGITS}}}")
_BLOCK: Final = 1 << 20


class Written(msgspec.Struct, frozen=True):
    """A file as it was written: its name, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


class Folder:
    """The snapshots of one application."""

    def __init__(self, url: str) -> None:
        """Keep them at *url*: a path, or an address such as `s3://bucket/snapshots`.

        Raises `InvalidSetting` for an address whose library is not installed.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            message = f"snapshots cannot be kept at {url!r}: {error}"
            raise InvalidSetting(message) from error
        self.url = url

    def positions(self) -> Sequence[int]:
        """Return the positions of all that are complete, lowest first."""
        if not self._files.isdir(self._root):
            return ()
        names = [str(path).rstrip("/").rpartition("/")[2] for path in self._entries()]
        found = [int(name) for name in names if _NAME.fullmatch(name)]
        return sorted(at for at in found if self._files.exists(self._path(at, _MANIFEST)))

    def _entries(self) -> Sequence[object]:
        self._files.invalidate_cache(self._root)
        return cast("Sequence[object]", self._files.ls(self._root, detail=False))

    def manifest(self, position: int) -> Manifest:
        """Return what the snapshot at *position* says of itself; raises `SnapshotDamaged`."""
        path = self._path(position, _MANIFEST)
        manifest = load_manifest(cast("bytes", self._files.cat_file(path)), path)
        if manifest.position != position:
            message = f"{path} is of position {manifest.position}; it was moved or edited"
            raise SnapshotDamaged(message)
        return manifest

    def begin(self, position: int) -> None:
        """Make room for a snapshot at *position*; one that is there is gone from now on."""
        self.remove(position)
        self._files.makedirs(self._path(position), exist_ok=True)

    def write(self, position: int, name: str, parts: Iterable[bytes]) -> Written:
        """Write *parts* to the file *name* of the snapshot at *position*."""
        sha256, size = hashlib.sha256(), 0
        with self._files.open(self._path(position, name), "wb") as file:
            for part in parts:
                file.write(part)
                sha256.update(part)
                size += len(part)
        return Written(name, size, sha256.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write *manifest*, from when on the snapshot is there."""
        self._files.pipe_file(self._path(manifest.position, _MANIFEST), dump_manifest(manifest))

    @contextmanager
    def reading(self, position: int, name: str, sha256: str) -> Iterator[BinaryIO]:
        """Open a file that was written, having seen that its hash is *sha256*.

        Raises `SnapshotDamaged` when it is another, or gone.
        """
        path = self._path(position, name)
        try:
            with self._files.open(path, "rb") as file:
                found = hashlib.sha256()
                while block := file.read(_BLOCK):
                    found.update(block)
                if found.hexdigest() != sha256:
                    message = f"{path} was changed after it was written; take the snapshot again"
                    raise SnapshotDamaged(message)
                file.seek(0)
                yield cast("BinaryIO", file)
        except FileNotFoundError as error:
            message = f"{path} is missing; take the snapshot again"
            raise SnapshotDamaged(message) from error

    def copy_out(self, position: int, target: Path) -> Sequence[Path]:
        """Copy the files of the snapshot at *position* into a folder of *target*; return them."""
        folder = target / f"{position:0{_DIGITS}}"
        folder.mkdir(parents=True)
        copies = []
        for entry in self._files.ls(self._path(position), detail=False):
            copy = folder / str(entry).rpartition("/")[2]
            self._files.get_file(entry, str(copy))
            copies.append(copy)
        return sorted(copies)

    def remove(self, position: int) -> None:
        """Remove the snapshot at *position*, the manifest first; one that is not there is none."""
        if self._files.exists(self._path(position, _MANIFEST)):
            self._files.rm_file(self._path(position, _MANIFEST))
        if self._files.exists(self._path(position)):
            self._files.rm(self._path(position), recursive=True)

    def _path(self, position: int, *names: str) -> str:
        return "/".join([self._root.rstrip("/"), f"{position:0{_DIGITS}}", *names])
