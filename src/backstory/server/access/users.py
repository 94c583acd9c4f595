"""The file of the users: names, roles, and hashes of passwords.

[users."ann"]
role = "writer"
password = "$argon2id$v=19$…"
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import tomllib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backstory.core.errors import InvalidSetting
from backstory.server.access.roles import Role

_HASHER: Final = PasswordHasher()
_MOST_REMEMBERED: Final = 1_000
_AT_ONCE: Final = 2
"""Passwords checked at once: each takes 64 MiB and tens of milliseconds, by design."""

SHORTEST_PASSWORD: Final = 8


class User(msgspec.Struct, frozen=True):
    """Somebody who may connect."""

    name: str
    role: Role


class StoredUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user as the file has them; `password` is its Argon2 hash."""

    role: Role
    password: str


class Users:
    """Checks names and passwords against the users of a file, as it was when it was read."""

    def __init__(self, stored: Mapping[str, StoredUser]) -> None:
        """Know the users *stored*, by their names."""
        self._stored = stored
        # Credentials come with every call; Argon2 is made to be slow. What was right once is
        # remembered under a key that this process alone knows.
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, User] = OrderedDict()
        self._checking = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _HASHER.hash(secrets.token_hex())

    async def user(self, name: str, password: str) -> User | None:
        """Return the user of that name, None when there is none or the password is another.

        Takes as long for a name that nobody has as for a wrong password.
        """
        said = f"{len(name)}:{name}{password}".encode(errors="surrogatepass")
        seal = hmac.new(self._key, said, hashlib.sha256).digest()
        known = self._remembered.get(seal)
        if known is not None:
            self._remembered.move_to_end(seal)
            return known
        stored = self._stored.get(name)
        hashed = self._nobody if stored is None else stored.password
        async with self._checking:
            right = await asyncio.to_thread(_verify, hashed, password)
        if stored is None or not right:
            return None
        user = User(name, stored.role)
        self._remembered[seal] = user
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return user


def read_users(path: Path) -> Mapping[str, StoredUser]:
    """Return the users of the file at *path*; raises `InvalidSetting` when it is no such file."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"there is no file of users {path}; `backstory users add NAME` makes it"
        raise InvalidSetting(message) from error
    except OSError as error:
        message = f"the users cannot be read from {path}: {error.strerror or error}"
        raise InvalidSetting(message) from error
    except ValueError as error:
        message = f"{path} is no TOML: {error}"
        raise InvalidSetting(message) from error
    try:
        users = msgspec.convert(said.get("users", {}), dict[str, StoredUser])
    except msgspec.ValidationError as error:
        message = f"{path} is no file of users: {error}; `backstory users add` makes one"
        raise InvalidSetting(message) from error
    if set(said) - {"users"}:
        message = f"{path} holds more than [users]: {', '.join(sorted(set(said) - {'users'}))}"
        raise InvalidSetting(message)
    return users


def write_users(path: Path, users: Mapping[str, StoredUser]) -> None:
    """Write *users* to *path*, all or nothing, readable for its owner alone.

    Raises `InvalidSetting` when the file cannot be written.
    """
    text = "".join(
        f"[users.{json.dumps(name)}]\nrole = {json.dumps(str(user.role))}\n"
        f"password = {json.dumps(user.password)}\n\n"
        for name, user in sorted(users.items())
    )
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        message = f"the users cannot be written to {path}: {error.strerror or error}"
        raise InvalidSetting(message) from error


def new_user(name: str, role: Role, password: str) -> StoredUser:
    """Return a user to be written; raises `InvalidSetting` for a name or password that will not do.

    A colon ends the name in the credentials that clients send, so a name has none.
    """
    if not name or not name.isprintable() or ":" in name:
        message = f"a user's name has visible characters and no colon, not {name!r}"
        raise InvalidSetting(message)
    if len(password) < SHORTEST_PASSWORD:
        message = f"the password has at least {SHORTEST_PASSWORD} characters"
        raise InvalidSetting(message)
    return StoredUser(role, _HASHER.hash(password))


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password.encode(errors="surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
