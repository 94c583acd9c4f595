"""HTTP/1.1 connections: uvicorn's protocol, on connections that the front hands over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

    from backstory.server.http.routes import AsgiApp


class HttpConnections:
    """Makes the protocol of each HTTP/1.1 connection, and ends them all together."""

    def __init__(self, app: AsgiApp) -> None:
        """Serve *app*, an ASGI application."""
        self._config = Config(
            cast("ASGIApplication", app), lifespan="auto", access_log=False, log_config=None
        )
        self._config.load()
        self._state = ServerState()
        self._lifespan = LifespanOn(self._config)

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._state.connections)

    async def start(self) -> None:
        """Let the application start."""
        await self._lifespan.startup()

    def protocol(self) -> H11Protocol:
        """Return the protocol of a new connection."""
        return H11Protocol(self._config, self._state, self._lifespan.state)

    async def close(self, grace: float) -> None:
        """Let requests finish within *grace* seconds, then let the application end."""
        for connection in list(self._state.connections):
            connection.shutdown()
            _end_stream(connection)
        tasks = list(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._lifespan.shutdown()


def _end_stream(connection: object) -> None:
    """Hang up on a response that goes on for ever; others may finish."""
    if not isinstance(connection, H11Protocol):
        return
    cycle: RequestResponseCycle | None = connection.cycle
    if cycle is not None and cycle.response_started and not cycle.response_complete:
        connection.transport.close()
