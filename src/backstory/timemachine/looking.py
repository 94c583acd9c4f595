"""Looking at read models: rows of a table, answers of a query, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Executable, Table, func, select
from sqlalchemy.exc import SQLAlchemyError

from backstory.core.errors import InvalidSetting


class Rows(msgspec.Struct, frozen=True):
    """Rows with the names of their columns; `more` says that there are others."""

    columns: Sequence[str]
    rows: Sequence[tuple[object, ...]]
    more: bool


def table_rows(connection: Connection, table: Table, most: int) -> Rows:
    """Return the first rows of *table* in the order of its key."""
    statement = select(table).order_by(*(table.primary_key.columns or table.columns))
    return _rows(connection, statement.limit(most + 1), most)


def query_rows(connection: Connection, query: Executable, most: int) -> Rows:
    """Return the first rows that *query* answers; raises `InvalidSetting` when it is none."""
    try:
        return _rows(connection, query, most)
    except SQLAlchemyError as error:
        message = f"the query cannot be asked: {getattr(error, 'orig', None) or error}"
        # Not chained: a query that writes is a wrong query, and no database that cannot be written.
        raise InvalidSetting(message) from None


def _rows(connection: Connection, query: Executable, most: int) -> Rows:
    result = connection.execute(query)
    found = [tuple(row) for row in result.fetchmany(most + 1)]
    columns = tuple(result.keys())
    result.close()
    return Rows(columns, found[:most], len(found) > most)


def count_rows(connection: Connection, tables: Sequence[Table]) -> Mapping[str, int]:
    """Return how many rows each of *tables* has."""
    return {
        str(table.name): connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables
    }
