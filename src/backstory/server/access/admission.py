"""Asking callers who they are: of gRPC calls in their metadata, of HTTP requests in a header."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Final, cast

from backstory.server.access.roles import Role, needed_for
from backstory.server.access.users import User, Users
from backstory.server.failures import access_denied
from backstory.server.http.routes import AsgiApp, Message, Receive, Send

_MOST_CHARACTERS: Final = 4_096
_OPEN_PATHS: Final = frozenset({"/health/live"})
"""What those ask who watch over a process, and have no password."""

_UNKNOWN: Final = b'{"error":"a name and a password are needed"}'


class Admission:
    """Lets in those whom *users* know, as far as their role goes."""

    def __init__(self, users: Users) -> None:
        """Ask *users*."""
        self._users = users

    async def admit(self, metadata: Mapping[str, str], path: str) -> str | None:
        """Return the name of who calls *path*; raises `Failure` (access denied) for all others."""
        needed = needed_for(path)
        user = await self._user(metadata.get("authorization", ""))
        if needed is not None and (user is None or not user.role.covers(needed)):
            raise access_denied()
        return None if user is None else user.name

    def guard(self, app: AsgiApp) -> AsgiApp:
        """Return *app* for readers alone: whoever is not known is asked for a name and password."""

        async def guarded(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] not in _OPEN_PATHS:
                user = await self._user(_header(scope))
                if user is None or not user.role.covers(Role.READER):
                    await _refuse(send)
                    return
            await app(scope, receive, send)

        return guarded

    async def _user(self, header: str) -> User | None:
        credentials = _credentials(header)
        return None if credentials is None else await self._users.user(*credentials)


def _credentials(header: str) -> tuple[str, str] | None:
    """Return name and password of a header (RFC 7617), None when it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MOST_CHARACTERS:
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(":")
    return (name, password) if colon else None


def _header(scope: Message) -> str:
    headers = cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
    found = [value for name, value in headers if name.lower() == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


async def _refuse(send: Send) -> None:
    headers = [
        (b"www-authenticate", b'Basic realm="Backstory", charset="UTF-8"'),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(_UNKNOWN)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": _UNKNOWN})
