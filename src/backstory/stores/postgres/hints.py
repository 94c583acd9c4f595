"""Hints from process to process that there is more to read: a notification after the commit.

Never within it: a transaction that notifies takes a lock of the whole database while it commits,
and appends would stand in line for it. A few hints a second serve any number of appends.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from zlib import crc32

from backstory.core.errors import StoreError
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.errors import DRIVER_ERRORS
from backstory.stores.postgres.link import Link
from backstory.stores.postgres.pool import Pool
from backstory.stores.postgres.settings import PostgresSettings

_PAUSE: Final = 0.05
"""Seconds between two hints that one process sends."""

_PATIENCE: Final = 0.5
"""Seconds that closing waits for the last hint; with the server away it could take long."""

_BREAK: Final = 1.0
"""Seconds before listening is tried again when it failed."""


class Hints:
    """Sends hints over the pool, and listens on a link of its own as soon as somebody waits."""

    def __init__(self, connector: Connector, pool: Pool, settings: PostgresSettings) -> None:
        """Send hints to all stores of one schema, or none when *settings* say so."""
        self._connector = connector
        self._pool = pool
        self._wanted = settings.notify
        self._channel = f"backstory_{crc32(settings.schema.encode()):08x}"
        self._heard = asyncio.Event()
        self._more = False
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.heard_at_once: bool = False
        """Whether hints are listened for at present."""

    def send(self) -> None:
        """Tell the other processes, soon, that there is more to read."""
        self._more = True
        if self._wanted and self._sending is None:
            self._sending = asyncio.create_task(self._send())

    def listen(self) -> None:
        """See to it that hints are heard; a pooler in transaction mode lets none through."""
        if self._closing.is_set():  # nobody would end it
            return
        if self._wanted and self._listening is None and not self._connector.pooled:
            self._listening = asyncio.create_task(self._listen())

    def expect(self) -> None:
        """Take it that there is more to read soon, as if a hint had come."""
        self._heard.set()

    async def wait(self, seconds: float) -> bool:
        """Return whether a hint came within *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    async def close(self) -> None:
        """Send what is to be sent, if that is possible at once, and stop listening."""
        self._closing.set()
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=_PATIENCE)
        for task in (self._sending, self._listening):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _send(self) -> None:
        try:
            while self._more:
                self._more = False
                # Who gets no hint looks for itself.
                with contextlib.suppress(StoreError):
                    await self._pool.fetch(sql.HINT, self._channel)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PAUSE):
                        await self._closing.wait()
        finally:
            self._sending = None

    async def _listen(self) -> None:
        while True:
            link: Link | None = None
            try:
                link = await self._connector.connect()
                lost = asyncio.Event()
                link.connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await link.connection.add_listener(self._channel, self._hear)
                self.heard_at_once = True
                self._heard.set()  # something may have come before
                await lost.wait()
            except (StoreError, *DRIVER_ERRORS):
                await asyncio.sleep(_BREAK)
            finally:
                self.heard_at_once = False
                if link is not None:
                    link.break_off()

    def _hear(self, *_: object) -> None:
        self._heard.set()
