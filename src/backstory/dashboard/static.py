"""Style sheet, scripts and icons: under a name that holds their hash, so browsers keep them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class StaticFile(msgspec.Struct, frozen=True):
    """A file that is sent as it is."""

    name: str
    content: bytes
    media_type: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by their names, each with its hash: `style.1a2b3c4d.css`.

    A script that imports another one names it plainly; there the hashed name is put in.
    """
    plain = {
        entry.name: entry.read_bytes()
        for entry in files("backstory.dashboard").joinpath("static").iterdir()
        if entry.name.rpartition(".")[2] in _TYPES
    }
    found: dict[str, StaticFile] = {}
    for name, content in sorted(plain.items()):
        stem, _, kind = name.rpartition(".")
        digest = hashlib.sha256(content).hexdigest()[:12]
        hashed = f"{stem}.{digest}.{kind}"
        found[hashed] = StaticFile(hashed, content, _TYPES[kind])
    return found


@cache
def hashed_name(name: str) -> str:
    """Return the name with its hash of the file *name*; raises `KeyError`."""
    stem, _, kind = name.rpartition(".")
    for hashed in static_files():
        if hashed.startswith(f"{stem}.") and hashed.endswith(f".{kind}"):
            return hashed
    raise KeyError(name)
