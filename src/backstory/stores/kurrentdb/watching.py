"""Waiting for new events: one subscription for all who wait."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import grpc
from kurrentdbclient import AsyncKurrentDBClient
from kurrentdbclient.exceptions import KurrentDBClientError

from backstory.stores.kurrentdb.reading import PLENTIFUL, is_system

_log: Final = logging.getLogger("backstory.stores")

_SECONDS_AFTER_AN_ERROR: Final = 0.5


class Watcher:
    """Hears of every new event, and wakes whoever waits for one."""

    def __init__(self, client: AsyncKurrentDBClient) -> None:
        """Subscribe by *client* as soon as somebody waits."""
        self._client = client
        self._grown = asyncio.Event()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.newest: int = 0
        """The position of the newest event that was heard of."""

    async def grown(self) -> asyncio.Event:
        """Return an event that is set by the next event of the log.

        Returns once the subscription stands: whoever asks for the head afterwards misses nothing.
        While the server cannot be reached it returns all the same, and nothing is heard.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._follow())
        grown = self._grown
        if not self._listening.is_set():
            waiting = asyncio.create_task(self._listening.wait())
            await asyncio.wait([waiting], timeout=1)
            waiting.cancel()
        return grown

    async def close(self) -> None:
        """Stop, and wake everybody."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._wake()

    async def _follow(self) -> None:
        while True:
            try:
                subscription = await self._client.subscribe_to_all(
                    from_end=True, filter_exclude=PLENTIFUL, filter_by_stream_name=True
                )
                async with subscription:
                    self._listening.set()
                    self._wake()
                    async for event in subscription:
                        if not is_system(event.type, event.stream_name):
                            self.newest = event.commit_position
                            self._wake()
            except (KurrentDBClientError, grpc.RpcError, OSError) as error:
                _log.debug("the subscription ended: %s", error)
            self._listening.clear()
            await asyncio.sleep(_SECONDS_AFTER_AN_ERROR)

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
