"""Making connections: set up alike, with patience for a server that is away for a moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from time import monotonic
from typing import Final

import asyncpg

from backstory.core.errors import StoreError
from backstory.stores.postgres.errors import (
    DRIVER_ERRORS,
    AnswerLost,
    sqlstate_of,
    translated_error,
)
from backstory.stores.postgres.link import Link
from backstory.stores.postgres.settings import PostgresSettings

_SHORTEST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
"""Seconds between two attempts to connect, doubled each time and spread, so that not all come at
once."""

_HOPELESS: Final = ("28", "3D", "42", "0A", "22")
"""Classes of errors that waiting does not mend: wrong password, no such database …"""

_OURS: Final = {
    "jit": "off",
    # Pages are read along an index, in its order, whatever the statistics say of a young table.
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "plan_cache_mode": "force_generic_plan",
    # Whoever waited for its turn must see what was written meanwhile.
    "default_transaction_isolation": "read committed",
}


class Connector:
    """Opens links to one server, and knows whether a pooler stands before it."""

    def __init__(self, settings: PostgresSettings) -> None:
        """Connect as *settings* say."""
        self._settings = settings
        self._pooled: bool | None = None if settings.pooled == "auto" else settings.pooled

    @property
    def pooled(self) -> bool:
        """Say whether a pooler in transaction mode stands before the server, once connected."""
        return self._pooled is True

    async def connect(self) -> Link:
        """Return a new link; raises `StoreUnavailable` and its kin when there is none to be had."""
        try:
            return await self._attempt()
        except (*DRIVER_ERRORS, AnswerLost) as error:
            raise self._translated(error) from error

    async def connect_patiently(self) -> Link:
        """Return a new link; a server that is away is waited for, as long as the settings say."""
        deadline = monotonic() + self._settings.reconnect_timeout
        pause = _SHORTEST_PAUSE
        while True:
            try:
                return await self._attempt()
            except (*DRIVER_ERRORS, AnswerLost) as error:
                if sqlstate_of(error).startswith(_HOPELESS) or monotonic() + pause > deadline:
                    raise self._translated(error) from error
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _translated(self, error: Exception) -> StoreError:
        return translated_error(error.__cause__ or error, self._settings.place)

    async def _attempt(self) -> Link:
        settings = self._settings
        async with asyncio.timeout(settings.connect_timeout):
            connection = await asyncpg.connect(
                settings.dsn,
                password=settings.password,
                timeout=settings.connect_timeout,
                statement_cache_size=0,
                server_settings={"application_name": settings.application_name},
            )
        try:
            async with asyncio.timeout(settings.connect_timeout):
                if self._pooled is None:
                    self._pooled = await _is_pooled(connection)
                if not self._pooled:
                    await connection.execute(_sql(self._session()))
        except BaseException:
            connection.terminate()
            raise
        return Link(
            connection,
            settings=_sql(self._session(), local=True),
            pooled=self._pooled,
            answer_timeout=settings.longest_answer,
        )

    def _session(self) -> Mapping[str, str]:
        """Return the server's settings for what we do; pg_temp last, so that it hides nothing."""
        schema = self._settings.schema.replace('"', '""')
        longest = self._settings.longest_statement
        return {
            **_OURS,
            "search_path": f'"{schema}", pg_temp',
            "default_transaction_read_only": "off" if self._settings.writable else "on",
            "lock_timeout": str(int(self._settings.busy_timeout * 1000)),
            **({} if longest is None else {"statement_timeout": str(round(longest * 1000))}),
        }


def _sql(values: Mapping[str, str], *, local: bool = False) -> str:
    """Return one statement that sets *values*, for the session or one transaction."""
    calls = (
        f"set_config('{name}', '{value.replace(chr(39), chr(39) * 2)}', {str(local).lower()})"
        for name, value in values.items()
    )
    return f"SELECT {', '.join(calls)}"


async def _is_pooled(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Say whether the server that answers is another than the one that said hello.

    A pooler makes up the process id of its greeting.
    """
    async with connection.transaction():
        return bool(
            await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid()
        )
