"""A server with its Stream Browser, in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from backstory import NewEvent, open_store
from backstory.core.clock import Clock, system_clock
from backstory.dashboard import dashboard
from backstory.server.serving import serving
from backstory.server.settings import ServerSettings

EVENTS = 1_000_000
PER_STREAM = 10


class Browsed:
    """A store that is served, with its pages."""

    def __init__(self, url: str, *, clock: Clock = system_clock, shown_url: str = "") -> None:
        """Serve the store at *url* on a free port."""
        self._url = url
        self._clock = clock
        self._shown_url = shown_url or url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browsed", daemon=True)
        self._thread.start()
        self._port = 0
        self.start()

    def start(self) -> None:
        """Start, on the same port as before."""
        up: Future[int] = Future()
        self._ended = asyncio.Event()
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(up), self._loop)
        self._port = up.result(30)

    def stop(self) -> None:
        """End in order."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._serving.result(30)

    @property
    def url(self) -> str:
        """Return where a browser finds it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def esdb(self) -> str:
        """Return where a client finds it."""
        return f"esdb://127.0.0.1:{self._port}?tls=false"

    def append(self, stream: str, events: Sequence[NewEvent]) -> None:
        """Append to the store that is shown."""
        work = self._store.append(stream, events)
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def tell_the_story(self) -> None:
        """Fill the store with a user and a few orders."""
        donald = {"username": "donald", "fullname": "Donald Duck"}
        self.append("user-donald", [NewEvent.of("user-created", donald)])
        for number in range(130):
            self.append("order-4711", [NewEvent.of("line-added", {"sku": f"BK-{number}"})])
        self.append("order-4712", [NewEvent.of("order-paid", {"total": 53.91, "lines": [1, 2]})])

    def close(self) -> None:
        """End the server and its thread."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, up: Future[int]) -> None:
        self._store = await open_store(self._url, clock=self._clock)
        try:
            pages = dashboard(self._store, shown_url=self._shown_url, clock=self._clock)
            settings = ServerSettings(port=self._port)
            async with serving(self._store, settings, pages=pages) as server:
                up.set_result(server.port)
                await self._ended.wait()
        finally:
            await self._store.close()


def make_big(path: Path) -> None:
    """Make a store of `EVENTS` events; by SQL, which takes seconds where appends take a minute."""

    async def make() -> None:
        store = await open_store(f"sqlite:///{path}")
        for kind in ("placed", "paid", "shipped", "returned"):
            await store.append("order-first", [NewEvent.of(kind, {})])
        await store.close()

    asyncio.run(make())
    connection = sqlite3.connect(path)
    first = connection.execute("SELECT max(position) + 1, max(recorded_us) FROM events").fetchone()
    connection.execute("PRAGMA synchronous = off")
    connection.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
        INSERT INTO events (position, stream, revision, kind, recorded_us, id, data, metadata)
        SELECT ? + i, 'order-' || (i / ?), i % ?, 1 + (i * 7 % 11) % 4, ? + i,
               randomblob(16),
               '{"total":' || (i % 1000) || ',"name":"person ' || (i % 9973) || '"}',
               '{"$correlationId":"web-' || (i / 3) || '"}'
        FROM n
        """,
        (EVENTS - 4, first[0], PER_STREAM, PER_STREAM, first[1]),
    )
    connection.commit()
    connection.close()
