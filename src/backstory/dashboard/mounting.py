"""Where the pages are mounted, and what every answer says to the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from litestar.types import Message

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.types import Receive, Scope, Send

AsgiMessage: TypeAlias = MutableMapping[str, object]
AsgiReceive: TypeAlias = Callable[[], Awaitable[AsgiMessage]]
AsgiSend: TypeAlias = Callable[[AsgiMessage], Awaitable[None]]

_SECURITY: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_NOT_KEPT: Final = (b"cache-control", b"no-store")
PREFIX: Final = "backstory.prefix"
"""The key of a scope that holds what links begin with."""


class Dashboard:
    """An ASGI application that knows under which path it is reached."""

    def __init__(self, app: Litestar, prefix: str | None) -> None:
        """Serve *app* with links that begin with *prefix*, or with where it is mounted."""
        self._app = app
        self._prefix = None if prefix is None else prefix.rstrip("/")

    async def __call__(self, scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        """Answer one request; see ASGI."""
        if scope["type"] != "http":
            await self._app(cast("Scope", scope), cast("Receive", receive), cast("Send", send))
            return
        root = str(scope.get("root_path", "")).rstrip("/")
        path = str(scope["path"])
        # Some frameworks leave the path of the mount in `path`, others take it away.
        if root and (path == root or path.startswith(f"{root}/")):
            path = path[len(root) :]
        inner = {
            **scope,
            "path": path or "/",
            "raw_path": (path or "/").encode(),
            "root_path": "",
            PREFIX: root if self._prefix is None else self._prefix,
        }

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *_SECURITY]
                if all(name.lower() != b"cache-control" for name, _ in headers):
                    headers.append(_NOT_KEPT)
                message["headers"] = headers
            await send(cast("AsgiMessage", message))

        await self._app(cast("Scope", inner), cast("Receive", receive), send_safely)
