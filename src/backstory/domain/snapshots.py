"""Snapshots of aggregates: the state of one stream at one event, so that a load need not fold all.

A snapshot is a cache. It may be lost, old, damaged or from another store; then it is ignored and
the state is folded from the events. It is trusted only when the fold it was taken with is the fold
of today and the event it was taken at stands in the stream where it says.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from types import UnionType
from typing import Protocol

import msgspec

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of *stream* after the event at *revision*, as JSON, and the *fold* that made it.

    *types* names the event types that were folded.
    """

    stream: str
    revision: int
    position: int
    event_id: bytes
    fold: str
    state: bytes
    types: tuple[str, ...] = ()

    def taken_at(self, event: RecordedEvent) -> bool:
        """Tell whether *event* is the last one the snapshot holds."""
        place = (event.stream, event.revision, event.position, event.id_bytes)
        return place == (self.stream, self.revision, self.position, self.event_id)


class SnapshotStore(Protocol):
    """Where the newest snapshot of each stream is kept.

    Both methods may be awaited by many tasks at once. Nothing need be durable or consistent: what
    `load` returns is checked by who uses it. Errors they raise are logged and never fail a command.
    """

    async def load(self, stream: str) -> Snapshot | None:
        """Return the snapshot kept of *stream*; None without one, or when it cannot be read."""
        ...

    async def save(self, snapshot: Snapshot) -> None:
        """Keep *snapshot* in place of any other of its stream."""
        ...


class MemorySnapshots:
    """Snapshots in memory, gone with the process; a new one throws the longest unused away."""

    def __init__(self, *, limit: int = 10_000) -> None:
        """Keep snapshots of at most *limit* streams."""
        self._limit = limit
        self._kept: dict[str, Snapshot] = {}

    async def load(self, stream: str) -> Snapshot | None:
        """Return the snapshot kept of *stream*."""
        snapshot = self._kept.pop(stream, None)
        if snapshot is not None:
            self._kept[stream] = snapshot
        return snapshot

    async def save(self, snapshot: Snapshot) -> None:
        """Keep *snapshot* in place of any other of its stream."""
        self._kept.pop(snapshot.stream, None)
        self._kept[snapshot.stream] = snapshot
        if len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]


class DirectorySnapshots:
    """Snapshots as files in a directory, one for each stream; safe to delete at any time.

    Several processes may share the directory. A file is replaced as a whole and carries a checksum,
    so a torn or changed one reads as none. File names are hashes: a stream name cannot leave the
    directory.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Keep snapshots in *directory*, created with the first one."""
        self._directory = Path(directory)

    async def load(self, stream: str) -> Snapshot | None:
        """Return the snapshot kept of *stream*; None when its file is missing or damaged."""
        return await asyncio.to_thread(self._load, self._path(stream))

    async def save(self, snapshot: Snapshot) -> None:
        """Keep *snapshot* in place of any other of its stream; raises `OSError` when it cannot."""
        body = msgspec.json.encode(snapshot)
        await asyncio.to_thread(self._save, self._path(snapshot.stream), _checksum(body) + body)

    def _path(self, stream: str) -> Path:
        name = hashlib.sha256(stream.encode(errors="surrogatepass")).hexdigest()
        return self._directory / name[:2] / f"{name}.json"

    @staticmethod
    def _load(path: Path) -> Snapshot | None:
        try:
            checksum, _, body = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if checksum + b"\n" != _checksum(body):
            return None
        return msgspec.json.decode(body, type=Snapshot)

    @staticmethod
    def _save(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink()
            raise


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n"


class SnapshotPolicy(msgspec.Struct, frozen=True):
    """When aggregates are snapshotted, where to, and as which type.

    A command that leaves *every* or more events behind the last trusted snapshot takes a new one.
    *state* is the type of the state, a union where there are several (`Open | Closed`, as tagged
    Structs). Raises `InvalidInput` when *every* is below 1.
    """

    store: SnapshotStore
    state: type | UnionType
    every: int = 100

    def __post_init__(self) -> None:
        """Refuse an interval no event fits in."""
        if self.every < 1:
            message = f"a snapshot is taken every 1 or more events, not every {self.every}"
            raise InvalidInput(message)
