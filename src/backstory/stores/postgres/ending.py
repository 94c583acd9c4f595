"""Tombstones and erasures: seldom asked for, so each over a connection of its own."""

from __future__ import annotations

from typing import Final

import asyncpg

from backstory.core.errors import BackstoryError, OutcomeUnknown
from backstory.core.events import Appended
from backstory.core.expected import Expected, WrongExpectedRevision
from backstory.core.ids import uuid7
from backstory.core.retaining import TOMBSTONE_REVISION, StreamDeleted
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.errors import sqlstate_of, translated_error
from backstory.stores.postgres.group import wanted_by
from backstory.stores.postgres.link import Row

_OUT_OF_RANGE: Final = "22003"
"""What an append behind a tombstone meets: no revision is larger."""


class Ender:
    """Ends streams, and erases events."""

    def __init__(self, connector: Connector, place: str) -> None:
        """Ask the server over links of *connector*'s."""
        self._connector = connector
        self._place = place

    async def end(self, stream: str, expected: Expected, at_us: int | None) -> Appended:
        """End *stream*; see `Retaining.tombstone`."""
        values = (stream, wanted_by(expected), uuid7(), at_us)
        revision, position = await self._ask(sql.TOMBSTONE, *values)
        if position is not None:
            return Appended(stream, revision, position)
        if revision == TOMBSTONE_REVISION:
            raise StreamDeleted(stream)
        raise WrongExpectedRevision(stream=stream, expected=expected, actual=revision)

    async def erase(self, stream: str, before: int) -> int:
        """Erase the events of *stream* before a revision; see `Retaining.erase`."""
        (erased,) = await self._ask(sql.ERASE, stream, before)
        return int(erased)

    async def _ask(self, statement: str, *values: object) -> Row:
        link = await self._connector.connect_patiently()
        try:
            return (await link.fetch(statement, *values))[0]
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise translated_error(error, self._place) from error
        except Exception as error:
            if isinstance(error, BackstoryError):
                raise
            message = f"{self._place}: the answer was lost; do it once more to know"
            raise OutcomeUnknown(message) from error
        finally:
            await link.close()


def may_be_ended(error: BaseException) -> bool:
    """Return whether *error*, of an append, may come of a tombstone."""
    return sqlstate_of(error) == _OUT_OF_RANGE
