"""The tables of a capture beside its events: documents and files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import apsw

from backstory.core.errors import CaptureDamaged
from backstory.timemachine.captures.manifest import KeptFile

_TABLES: Final = """
CREATE TABLE capture (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE capture_files (
    name TEXT NOT NULL, part INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (name, part)
) STRICT, WITHOUT ROWID;
"""
_BLOCK: Final = 1 << 20
MANIFEST: Final = "manifest"
SHA256: Final = "sha256"


def add_tables(connection: apsw.Connection) -> None:
    """Create the tables."""
    connection.execute(_TABLES)


def put_documents(connection: apsw.Connection, documents: Mapping[str, bytes]) -> None:
    """Write documents by name."""
    connection.executemany("INSERT INTO capture VALUES (?, ?)", list(documents.items()))


def get_document(connection: apsw.Connection, name: str, place: str) -> bytes:
    """Return the document *name*; raises `CaptureDamaged`, naming *place*, when it is missing."""
    found = connection.execute("SELECT content FROM capture WHERE name = ?", (name,)).fetchall()
    if not found or not isinstance(found[0][0], bytes):
        message = f"{place} has lost its {name}; get the capture again from where it was made"
        raise CaptureDamaged(message)
    return found[0][0]


def put_file(connection: apsw.Connection, name: str, file: Path) -> KeptFile:
    """Write *file* in parts under *name*."""
    sha256, size = hashlib.sha256(), 0
    with file.open("rb") as source:
        for part, block in enumerate(iter(lambda: source.read(_BLOCK), b"")):
            connection.execute("INSERT INTO capture_files VALUES (?, ?, ?)", (name, part, block))
            sha256.update(block)
            size += len(block)
    return KeptFile(name=name, size=size, sha256=sha256.hexdigest())


def take_out(connection: apsw.Connection, kept: KeptFile, target: Path, place: str) -> None:
    """Write the file that is *kept* to *target*; raises `CaptureDamaged` when it was changed."""
    sha256 = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for block in _parts(connection, kept.name):
            sha256.update(block)
            file.write(block)
    if sha256.hexdigest() != kept.sha256:
        message = (
            f"{place}: {kept.name} was changed after the capture was made; get it again from where "
            "it was made"
        )
        raise CaptureDamaged(message)


def _parts(connection: apsw.Connection, name: str) -> Iterator[bytes]:
    query = "SELECT content FROM capture_files WHERE name = ? ORDER BY part"
    for (content,) in connection.execute(query, (name,)):
        yield cast("bytes", content)
