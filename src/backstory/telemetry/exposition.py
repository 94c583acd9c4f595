"""Showing metrics to Prometheus: as an ASGI application, or on a port of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Final, TypeAlias, cast
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server
from prometheus_client.exposition import choose_encoder

from backstory.core.errors import InvalidSetting
from backstory.telemetry.metrics import Metrics

Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_METHODS: Final = ("GET", "HEAD")


def metrics_app(metrics: Metrics) -> AsgiApp:
    """Return an ASGI application that answers GET, at any path, with *metrics*.

    Mount it where Prometheus looks, usually at `/metrics`. It shows numbers and the names of
    projections, nothing that users wrote; all the same, strangers need not read it.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001 - what ASGI passes
        if scope["type"] != "http":
            return
        if scope["method"] not in _METHODS:
            await _answer(send, 405, b"", (b"allow", ", ".join(_METHODS).encode()))
            return
        headers = cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
        accepted = b",".join(value for name, value in headers if name.lower() == b"accept")
        encode, media_type = choose_encoder(accepted.decode("latin-1"))
        body = encode(metrics.registry)
        shown = body if scope["method"] == "GET" else b""
        length = b"%d" % len(body)
        kind = media_type.encode()
        await _answer(send, 200, shown, (b"content-type", kind), (b"content-length", length))

    return app


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@contextmanager
def serve_metrics(metrics: Metrics, port: int, *, host: str = "127.0.0.1") -> Iterator[int]:
    """Show *metrics* at `http://host:port/metrics` inside the block, from a thread of its own.

    Gives the port, which is a free one when *port* is 0. For processes that serve nothing else,
    such as workers. Raises `InvalidSetting` when nobody can listen there.
    """
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except (OSError, OverflowError) as error:
        message = f"cannot show metrics on port {port} of {host}: {error}; choose another port"
        raise InvalidSetting(message) from error
    try:
        yield _port_of(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _port_of(server: WSGIServer) -> int:
    return server.server_port
