"""The addresses that tools know from EventStoreDB, in front of the pages for people."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Final, TypeAlias, cast

import msgspec

from backstory.core.errors import BackstoryError
from backstory.server.node import Node

Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

EMULATED_VERSION: Final = "25.0.0"
"""The version of EventStoreDB whose behaviour ours is."""

_JSON: Final = b"application/json; charset=utf-8"
_ANSWERED: Final = (b"GET", b"HEAD")
_STARTED: Final = time.monotonic()


class Answer(msgspec.Struct, frozen=True):
    """A status, and a body of JSON (empty: none)."""

    status: int
    body: bytes = b""


class NodeRoutes:
    """An ASGI application: answers for the node itself, and hands all else to the pages."""

    def __init__(self, node: Node, pages: AsgiApp | None, metrics: AsgiApp | None) -> None:
        """Answer for *node*; *metrics* answers `/metrics`. Without them these are not found."""
        self._node = node
        self._pages = pages
        self._metrics = metrics
        self._answers: Mapping[str, Callable[[], Awaitable[Answer]]] = {
            "/health/live": self._live,
            "/ping": self._ping,
            "/info": self._info,
            "/gossip": self._gossip,
            "/stats": self._stats,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        path = cast("str", scope.get("path", ""))
        if scope["type"] == "http" and path in self._answers:
            await self._answer(scope, send, path)
        elif scope["type"] == "http" and path == "/metrics" and self._metrics is not None:
            await self._metrics(scope, receive, send)
        elif self._pages is not None:
            await self._pages(scope, receive, send)
        elif scope["type"] == "http":
            await _send(send, Answer(404), head=False)
        elif scope["type"] == "lifespan":
            await _live_and_end(receive, send)

    async def _answer(self, scope: Message, send: Send, path: str) -> None:
        method = cast("str", scope["method"]).encode()
        if method not in _ANSWERED:
            await _send(send, Answer(405), head=False)
            return
        await _send(send, await self._answers[path](), head=method == b"HEAD")

    async def _live(self) -> Answer:
        """Tell by the status whether events can be read: 204, or 503."""
        try:
            await self._node.store.head()
        except BackstoryError:
            return Answer(503)
        return Answer(503) if self._node.stopping.is_set() else Answer(204)

    async def _ping(self) -> Answer:
        return _json({"text": "Ping request successfully handled"})

    async def _info(self) -> Answer:
        from backstory import __version__  # noqa: PLC0415 - the package imports this module

        features = {"projections": True, "userManagement": False, "atomPub": False}
        return _json(
            {
                "dbVersion": EMULATED_VERSION,
                "esVersion": EMULATED_VERSION,
                "backstoryVersion": __version__,
                "state": "leader",
                "features": features,
            }
        )

    async def _gossip(self) -> Answer:
        settings = self._node.settings
        member = {
            "instanceId": str(self._node.id),
            "state": "Leader",
            "isAlive": True,
            "httpEndPointIp": settings.advertised or settings.host,
            "httpEndPointPort": self._node.port,
        }
        return _json({"members": [member], "serverPort": self._node.port})

    async def _stats(self) -> Answer:
        return _json(
            {
                "head": await self._node.store.head(),
                "uptimeSeconds": round(time.monotonic() - _STARTED, 1),
            }
        )


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value))


async def _send(send: Send, answer: Answer, *, head: bool) -> None:
    headers: Iterable[tuple[bytes, bytes]] = [(b"cache-control", b"no-store")]
    if answer.body:
        headers = [
            *headers,
            (b"content-type", _JSON),
            (b"content-length", b"%d" % len(answer.body)),
        ]
    await send({"type": "http.response.start", "status": answer.status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


async def _live_and_end(receive: Receive, send: Send) -> None:
    """Take part in the life of the server, with nothing to do in it."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
