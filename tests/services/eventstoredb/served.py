"""A server of ours in a thread of the test's process, on a real port, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TypeVar

from backstory.core.clock import Clock, system_clock
from backstory.core.store import EventStore
from backstory.server.serving import Server, serving
from backstory.server.settings import ServerSettings
from backstory.stores.open import open_store

T = TypeVar("T")


class Served:
    """A store that is served until `stop`; it can be stopped and started again on its port."""

    def __init__(
        self,
        url: str = "memory:",
        settings: ServerSettings | None = None,
        *,
        clock: Clock = system_clock,
    ) -> None:
        """Serve the store at *url*; a free port is taken unless *settings* say another."""
        self.url = url
        self._clock = clock
        self.settings = settings or ServerSettings(port=0, write_timeout=30.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="served", daemon=True)
        self._thread.start()
        self._ended: asyncio.Event | None = None
        self._serving: Future[None] | None = None
        self.port = 0
        self.start()

    @property
    def esdb(self) -> str:
        """Return the connection string that clients take."""
        return f"esdb://localhost:{self.port}?tls=false"

    def run(self, ask: Callable[[Server, EventStore], Coroutine[object, object, T]]) -> T:
        """Return what *ask* answers of the server and its store, in the server's own loop."""
        server, store = self._server, self._store
        return asyncio.run_coroutine_threadsafe(ask(server, store), self._loop).result(30)

    def start(self) -> None:
        """Start, and wait until connections are taken."""
        up: Future[int] = Future()
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(up), self._loop)
        self._serving.add_done_callback(
            lambda done: None if up.done() else up.set_exception(done.exception() or OSError())
        )
        self.port = up.result(30)

    def stop(self) -> None:
        """End in order, as on SIGTERM."""
        if self._serving is not None:
            assert self._ended is not None
            self._loop.call_soon_threadsafe(self._ended.set)
            self._serving.result(30)
            self._serving = None

    def close(self) -> None:
        """End the server and its thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, up: Future[int]) -> None:
        self._ended = asyncio.Event()
        store = await open_store(self.url, clock=self._clock)
        try:
            settings = self.settings
            if self.port:
                settings = ServerSettings(port=self.port, write_timeout=settings.write_timeout)
            async with serving(store, settings) as server:
                self._server, self._store = server, store
                up.set_result(server.port)
                await self._ended.wait()
        finally:
            await store.close()
