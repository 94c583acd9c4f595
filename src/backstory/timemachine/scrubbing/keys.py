"""Keys: who has one can make the same pseudonyms again, and guess at originals."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from backstory.core.errors import InvalidSetting

SHORTEST: Final = 16
"""Fewest bytes of a key."""

_NAME: Final = b"backstory scrubbing key "


def new_key() -> bytes:
    """Return a new random key."""
    return secrets.token_hex(32).encode()


def key_from_file(path: Path) -> bytes:
    """Return the key in the file, without white space around it.

    Raises `InvalidSetting` when the file cannot be read or holds fewer than `SHORTEST` bytes.
    """
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        message = f"the scrubbing key {path} cannot be read: {error.strerror or error}"
        raise InvalidSetting(message) from error
    return check_key(key, f"the scrubbing key in {path}")


def check_key(key: bytes, name: str = "the scrubbing key") -> bytes:
    """Return *key*; raises `InvalidSetting`, calling it *name*, when it is easy to guess."""
    if len(key) < SHORTEST:
        message = (
            f"{name} has {len(key)} bytes and needs at least {SHORTEST}; write random ones, such "
            "as `openssl rand -hex 32` prints"
        )
        raise InvalidSetting(message)
    return key


def key_id_of(key: bytes) -> str:
    """Return a short name of *key* that gives nothing of it away."""
    return hashlib.sha256(_NAME + key).hexdigest()[:12]
