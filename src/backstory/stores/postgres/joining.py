"""An append within the caller's own transaction: the server's function, on their connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from backstory.core.errors import BackstoryError, InvalidInput, StoreBusy, StoreError
from backstory.core.events import Appended
from backstory.core.retaining import StreamDeleted
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.ending import may_be_ended
from backstory.stores.postgres.errors import sqlstate_of, translated_error
from backstory.stores.postgres.group import Part, outcome_of, values_of
from backstory.stores.postgres.migrations import quoted
from backstory.stores.postgres.settings import PostgresSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection as AlchemyConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    from backstory.stores.postgres.link import Connection, Row

    Joinable: TypeAlias = (
        Connection
        | PoolConnectionProxy[Row]
        | AsyncConnection
        | AsyncSession
        | AlchemyConnection
        | Session
    )
    """What a caller's transaction may be on."""

_STALE: Final = {"23505", "40001"}


async def append_in(
    joined: Joinable, part: Part, settings: PostgresSettings, at_us: int | None
) -> Appended:
    """Append *part* over *joined*, whose owner commits or rolls back.

    Raises `WrongExpectedRevision`, after which the transaction can go on, and `StreamDeleted`,
    `StoreUnavailable` and its kin, after which it can only be rolled back; nothing is written in
    either case.
    """
    values = (*values_of(part, at_us), int(settings.busy_timeout * 1000))
    try:
        row = await _ask(joined, settings.schema, values)
    except BackstoryError:
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's
        if may_be_ended(cause):
            raise StreamDeleted(part[0]) from error
        raise _refused(cause, settings.place) from error
    outcome = outcome_of([part], row[:1], row[1:])
    if isinstance(outcome, BackstoryError):
        raise outcome
    return outcome[0]


async def _ask(
    joined: Joinable, schema: str, values: tuple[object, ...]
) -> tuple[int | None, int | None]:
    if isinstance(joined, asyncpg.Connection | PoolConnectionProxy):
        if not joined.is_in_transaction():
            message = "append_in joins a transaction: begin one on the connection first"
            raise InvalidInput(message)
        statement = sql.APPEND_IN.replace("append(", f"{quoted(schema)}.append(")
        ((revision, position),) = await joined.fetch(statement, *values)
        return revision, position
    # Only who passes a connection of SQLAlchemy's waits for its import.
    from backstory.stores.postgres.alchemy import ask  # noqa: PLC0415 - as said above

    return await ask(joined, schema, values)


def _refused(cause: BaseException, place: str) -> StoreError:
    if sqlstate_of(cause) in _STALE:
        return StoreBusy(
            "Others appended since your transaction took its snapshot: it is REPEATABLE READ or "
            "SERIALIZABLE. Roll it back and try again, or append in one that is READ COMMITTED."
        )
    return translated_error(cause, place)
