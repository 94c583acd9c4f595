"""Requests: the correlation each belongs to, and the trace of whoever sent it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from backstory.core.ambient import TRACEPARENT, correlated
from backstory.core.ids import IdSource, uuid7

if TYPE_CHECKING:
    from backstory.telemetry.tracing import Tracing

Scope = TypeVar("Scope")
Receive = TypeVar("Receive")
Send = TypeVar("Send")

HEADER: Final = "x-correlation-id"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_TRACEPARENT: Final = TRACEPARENT.encode()


class CorrelationMiddleware(Generic[Scope, Receive, Send]):
    """ASGI middleware that gives each request that may change something a correlation.

    Its id is that of the request's header when it sends a good one (up to 128 visible ASCII
    characters), else a new one; the answer names it in the same header. Commands note it in their
    events, log lines name it. With *tracing*, spans belong to the trace that `traceparent` names.
    Requests that only read pass at no cost. Works under every ASGI framework.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        tracing: Tracing | None = None,
        header: str = HEADER,
        ids: IdSource = uuid7,
    ) -> None:
        """Stand around *app*; *header* is the name to look for, *ids* makes new ids."""
        self._app = app
        self._tracing = tracing
        self._header = header.lower().encode()
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, in its correlation."""
        told = cast("MutableMapping[str, object]", scope)
        if told["type"] != "http" or told["method"] in _SAFE:
            await self._app(scope, receive, send)
            return
        headers = dict(cast("Iterable[tuple[bytes, bytes]]", told["headers"]))
        given = headers.get(self._header, b"")
        correlation_id = given.decode() if _ID.fullmatch(given) else str(self._ids())
        with self._continued(headers), correlated(correlation_id):
            await self._app(scope, receive, self._naming(send, correlation_id))

    def _continued(self, headers: dict[bytes, bytes]) -> AbstractContextManager[None]:
        parent = headers.get(_TRACEPARENT)
        if self._tracing is None or parent is None:
            return nullcontext()
        return self._tracing.continuing(parent.decode("latin-1"))

    def _naming(self, send: Send, correlation_id: str) -> Send:
        """Return *send* so that the answer begins with the header."""
        pass_on = cast("Callable[[MutableMapping[str, object]], Awaitable[None]]", send)
        named = (self._header, correlation_id.encode())

        async def naming(message: MutableMapping[str, object]) -> None:
            if message["type"] == "http.response.start":
                headers = cast("Iterable[tuple[bytes, bytes]]", message.get("headers", ()))
                message["headers"] = [*headers, named]
            await pass_on(message)

        return cast("Send", naming)
