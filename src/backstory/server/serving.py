"""Serving a store: one port, from the first connection to the last good-bye."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidSetting
from backstory.core.store import EventStore
from backstory.server.http.routes import AsgiApp, NodeRoutes
from backstory.server.node import Node
from backstory.server.seed import seed
from backstory.server.services import methods
from backstory.server.settings import ServerSettings
from backstory.server.transport.front import Front
from backstory.server.transport.grpc import Admit, GrpcConnections, admit_all
from backstory.server.transport.http import HttpConnections
from backstory.server.virtual.writing import LinkWriter

Guard = Callable[[AsgiApp], AsgiApp]
"""Takes the application for HTTP and returns one that lets some requests through to it."""


def guard_nothing(app: AsgiApp) -> AsgiApp:
    """Let every request through."""
    return app


class Server:
    """A server that listens; `serving` makes and ends it."""

    def __init__(
        self, node: Node, grpc: GrpcConnections, http: HttpConnections, server: asyncio.Server
    ) -> None:
        """Take what `serving` has made."""
        self.node = node
        self._grpc, self._http = grpc, http
        self._server = server

    @property
    def port(self) -> int:
        """Return the port the server listens on."""
        return self.node.port

    @property
    def connections(self) -> int:
        """Return how many connections are open, of either protocol."""
        return self._grpc.connections + self._http.connections

    @property
    def calls(self) -> int:
        """Return how many gRPC calls are under way, subscriptions included."""
        return self._grpc.calls

    async def close(self) -> None:
        """Take no more connections, and end those that are open, each as its clients expect."""
        self._server.close()
        self.node.stopping.set()
        grace = self.node.settings.grace
        await asyncio.gather(self._grpc.close(grace), self._http.close(grace))


@asynccontextmanager
async def serving(  # noqa: PLR0913 - what stands around a store that is served
    store: EventStore,
    settings: ServerSettings,
    *,
    pages: AsgiApp | None = None,
    metrics: AsgiApp | None = None,
    tls: ssl.SSLContext | None = None,
    admit: Admit = admit_all,
    guard: Guard = guard_nothing,
    clock: Clock = system_clock,
) -> AsyncIterator[Server]:
    """Serve *store* on one port, to EventStoreDB's clients and to browsers.

    *pages* is the ASGI application for browsers, *metrics* that for Prometheus, at `/metrics`;
    *admit* decides who may call what, *guard* stands before all that HTTP asks for. The store stays
    open. On the way out subscriptions end with UNAVAILABLE, whereupon clients connect anew.

    Raises `InvalidSetting` when the port cannot be had, and what the store raises when it cannot be
    read.
    """
    node = Node(store, settings, clock=clock)
    if settings.seed:
        await seed(store)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(node.close)
        if settings.materialise:
            links = LinkWriter(store)
            node.on_close(links.close)
            links.start()
        grpc = GrpcConnections(methods(node), admit=admit)
        http = HttpConnections(guard(NodeRoutes(node, pages, metrics)))
        await http.start()
        try:
            listening = await _listen(node, grpc, http, tls)
        except InvalidSetting:
            await http.close(0)
            raise
        server = Server(node, grpc, http, listening)
        stack.push_async_callback(server.close)
        yield server


async def _listen(
    node: Node, grpc: GrpcConnections, http: HttpConnections, tls: ssl.SSLContext | None
) -> asyncio.Server:
    settings = node.settings
    loop = asyncio.get_running_loop()
    try:
        listening = await loop.create_server(
            lambda: Front(grpc.protocol, http.protocol),
            settings.host,
            settings.port,
            ssl=tls,
            backlog=1_024,
        )
    except OSError as error:
        number = error.errno or 0  # negative when the name of the host cannot be resolved
        why = os.strerror(number) if number > 0 else error.strerror or str(error)
        message = (
            f"cannot listen on {settings.host}:{settings.port}: {why}; "
            "choose another port with --port"
        )
        raise InvalidSetting(message) from error
    node.port = listening.sockets[0].getsockname()[1]
    return listening
