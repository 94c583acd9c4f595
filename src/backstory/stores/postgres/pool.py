"""A few links that many tasks share for what only reads, and so may be asked again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic

from backstory.core.errors import StoreClosed
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.errors import DRIVER_ERRORS, AnswerLost, translated_error
from backstory.stores.postgres.link import Link, Row
from backstory.stores.postgres.settings import PostgresSettings


class Pool:
    """Opens links as they are needed, up to the number in the settings, and keeps them."""

    def __init__(self, connector: Connector, settings: PostgresSettings) -> None:
        """Open links with *connector*."""
        self._connector = connector
        self._settings = settings
        self._idle: list[Link] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def keep(self, link: Link) -> None:
        """Take *link*, made elsewhere, for one of the pool's."""
        self._open += 1
        self._idle.append(link)

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """Return the rows of *sql*, which reads only.

        A link that turns out to be broken is replaced and asked again; so a server that restarts
        costs time, and `StoreUnavailable` when it takes longer than `reconnect_timeout`.
        """
        deadline = monotonic() + self._settings.reconnect_timeout
        while True:
            link = await self._take()
            try:
                return await link.fetch(sql, *values)
            except AnswerLost as error:
                if monotonic() > deadline:
                    raise translated_error(
                        error.__cause__ or error, self._settings.place
                    ) from error
            except DRIVER_ERRORS as error:
                if link.usable or monotonic() > deadline:
                    raise translated_error(error, self._settings.place) from error
            finally:
                self._give_back(link)

    async def close(self) -> None:
        """Refuse new questions and close what is idle; what is asked is answered first."""
        self._closed = True
        while self._waiting:
            self._wake()
        while self._open > len(self._idle):
            await self._turn()
        idle, self._idle, self._open = self._idle, [], 0
        for link in idle:
            await link.close()

    async def _take(self) -> Link:
        if self._closed:
            raise StoreClosed
        while not self._idle and self._open >= self._settings.connections:
            await self._turn()
            if self._closed:
                raise StoreClosed
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
            self._open -= 1
        self._open += 1
        try:
            return await self._connector.connect_patiently()
        except BaseException:
            self._open -= 1
            self._wake()
            raise

    def _give_back(self, link: Link) -> None:
        if link.usable:
            self._idle.append(link)
        else:
            self._open -= 1
        self._wake()

    async def _turn(self) -> None:
        """Wait until a link may have come free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Whoever was woken and cannot go hands the turn on.
            if turn.done() and not turn.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
