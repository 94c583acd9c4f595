"""Answers: bytes and the headers of this service, and nothing in between."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from backstory.demo.requests import POSITION

_JSON: Final = (b"content-type", b"application/json")
_POSITION: Final = POSITION.lower().encode()
_encoder: Final = msgspec.json.Encoder()

Header = tuple[bytes, bytes]


class Answer(ASGIResponse):
    """A JSON answer whose bytes and headers are ready.

    The framework's own response costs more than reading a user does.
    """

    def __init__(self, value: object, *headers: Header, status: int = 200) -> None:
        """Answer *value* as JSON."""
        self.body: bytes = _encoder.encode(value)
        self.status_code = status
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - what ASGI passes
        """Send the answer."""
        length = (b"content-length", b"%d" % len(self.body))
        headers = [_JSON, length, *self._headers]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def etag(revision: int) -> Header:
    """Return the header that names the *revision* of a user."""
    return (b"etag", b'"%d"' % revision)


def at_position(position: int | None) -> tuple[Header, ...]:
    """Return the header that says where in the log a write stands, nothing where there is none."""
    return () if position is None else ((_POSITION, b"%d" % position),)
