"""The append function over a connection of SQLAlchemy's, whichever driver is below."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from sqlalchemy import BigInteger, Connection, Integer, Text, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Session

from backstory.core.errors import InvalidInput
from backstory.stores.postgres.migrations import quoted

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_Type: TypeAlias = BigInteger | Integer | Text | ARRAY[str] | ARRAY[int] | ARRAY[uuid.UUID]
_TYPES: Final[Mapping[str, _Type]] = {
    "stream": Text(),
    "wanted": BigInteger(),
    "types": ARRAY(Text()),
    "kinds": ARRAY(Integer()),
    "ids": ARRAY(UUID(as_uuid=True)),
    "datas": ARRAY(Text()),
    "metadatas": ARRAY(Text()),
    "at_us": BigInteger(),
    "patience": Integer(),
}


@cache
def _statement(schema: str) -> TextClause:
    name = quoted(schema).replace(":", r"\:")
    return text(
        f"SELECT revision, position FROM {name}.append("  # noqa: S608 - a quoted name
        ":stream, CAST(:wanted AS bigint), CAST(:types AS text[]), CAST(:kinds AS integer[]), "
        "CAST(:ids AS uuid[]), CAST(:datas AS json[]), CAST(:metadatas AS json[]), "
        "CAST(:at_us AS bigint), CAST(:patience AS integer))"
    ).bindparams(*(bindparam(name, type_=kind) for name, kind in _TYPES.items()))


async def ask(
    joined: object,
    schema: str,
    values: Sequence[object],
) -> tuple[int | None, int | None]:
    """Return the revision and the position that `append` answers.

    A connection that blocks is used in a thread, so that the event loop goes on. Raises
    `InvalidInput` for what is no connection.
    """
    statement, named = _statement(schema), dict(zip(_TYPES, values, strict=True))
    if isinstance(joined, Connection | Session):
        result = await asyncio.to_thread(joined.execute, statement, named)
    else:
        result = await _asynchronous(joined).execute(statement, named)
    revision, position = result.one()
    return revision, position


def _asynchronous(joined: object) -> AsyncConnection | AsyncSession:
    # Whoever has such a connection has imported its module, which needs a library of its own.
    module = sys.modules.get("sqlalchemy.ext.asyncio")
    if module is not None and isinstance(joined, module.AsyncConnection | module.AsyncSession):
        return cast("AsyncConnection | AsyncSession", joined)
    message = (
        "append_in takes a connection or session of asyncpg's or SQLAlchemy's, "
        f"not {type(joined).__name__}"
    )
    raise InvalidInput(message)
