"""One connection to the server, and the way a statement goes over it and its answer comes back.

Straight to the server a statement is prepared once and then takes one round trip, alone in its own
transaction. A pooler in transaction mode may give each transaction another server, which knows
nothing prepared; there each statement stands in a transaction of its own making.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from backstory.stores.postgres.errors import DRIVER_ERRORS, AnswerLost, is_lost

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[Row]"

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"


class Link:
    """A connection that one task at a time uses; it is broken off rather than left in doubt."""

    def __init__(
        self, connection: Connection, *, settings: str, pooled: bool, answer_timeout: float
    ) -> None:
        """Use *connection*; *settings* is the SQL that sets each transaction up when *pooled*."""
        self._connection = connection
        self._begin = f"{_BEGIN}; {settings}" if pooled else None
        self._timeout = answer_timeout
        self._prepared: dict[str, PreparedStatement[Row]] = {}

    @property
    def usable(self) -> bool:
        """Say whether statements can be sent, as far as is known."""
        return not self._connection.is_closed()

    @property
    def connection(self) -> Connection:
        """Return the driver's connection."""
        return self._connection

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """Return the rows of *sql*.

        Raises `AnswerLost`, and the driver's errors when the server refused. After either, and
        when it was cancelled, only an error of the server leaves the link usable.
        """
        try:
            async with asyncio.timeout(self._timeout):
                if self._begin is not None:
                    return await self._fetch_within_transaction(self._begin, sql, values)
                statement = self._prepared.get(sql)
                if statement is None:
                    statement = self._prepared[sql] = await self._connection.prepare(sql)
                return await statement.fetch(*values)
        except BaseException as error:
            outdated = isinstance(error, asyncpg.InvalidCachedStatementError)
            if outdated or not isinstance(error, Exception) or is_lost(error):
                self.break_off()
            if is_lost(error):
                raise AnswerLost from error
            raise

    async def _fetch_within_transaction(
        self, begin: str, sql: str, values: Sequence[object]
    ) -> Sequence[Row]:
        await self._connection.execute(begin)
        try:
            rows = await self._connection.fetch(sql, *values)
        except asyncpg.PostgresError as error:
            if not is_lost(error):
                await self._connection.execute("ROLLBACK")
            raise
        try:
            await self._connection.execute("COMMIT")
        except asyncpg.PostgresError as error:
            # A pooler or a server that reports an error here leaves open what became of it.
            raise AnswerLost from error
        return rows

    def break_off(self) -> None:
        """Close at once, without a word to the server."""
        self._connection.terminate()

    async def close(self) -> None:
        """Say goodbye to the server and close."""
        try:
            async with asyncio.timeout(1):
                await self._connection.close()
        except DRIVER_ERRORS:
            self.break_off()
