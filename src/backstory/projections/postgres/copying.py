"""COPY in place of INSERT, where it does the same.

COPY takes values in binary, so each must be of the very type of its column, in the declaration
and in the database: then nothing is cast on the way that INSERT would have cast otherwise.
Wherever that is not so, there is no copying, and rows are inserted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias, cast
from uuid import UUID

import msgspec
from psycopg import Cursor
from psycopg.types.json import Json, Jsonb
from sqlalchemy import Column, Connection, Insert, Table, UpdateBase, insert, text

from backstory.projections.database import Schemas, Values
from backstory.projections.postgres.names import place_of, quoted

Fits: TypeAlias = Callable[[Sequence[object]], bool]

_find_columns = text(
    """
    SELECT column_.attname, format_type(column_.atttypid, column_.atttypmod)
    FROM pg_catalog.pg_attribute AS column_
    JOIN pg_catalog.pg_class AS table_ ON table_.oid = column_.attrelid
    WHERE table_.oid = to_regclass(:name)
      AND table_.relkind IN ('r', 'p')
      AND NOT table_.relhasrules
      AND NOT table_.relrowsecurity
      AND column_.attnum > 0
      AND column_.attidentity <> 'a'
      AND column_.attgenerated = ''
    """
)
"""Which columns of this table take from COPY what they would take from INSERT?"""


def _only(kind: type) -> Fits:
    allowed = {kind, type(None)}
    return lambda values: set(map(type, values)) <= allowed


_is_moment: Final = _only(datetime)


def _are_moments(values: Sequence[object]) -> bool:
    # INSERT puts a naive time into the session's zone, COPY takes it for UTC.
    return _is_moment(values) and all(
        value.tzinfo is not None for value in values if isinstance(value, datetime)
    )


_TEXT: Final = _only(str)
_EXACT: Final[dict[tuple[str, str], tuple[str, Fits]]] = {
    ("VARCHAR", "character varying"): ("text", _TEXT),
    ("VARCHAR", "text"): ("text", _TEXT),
    ("TEXT", "text"): ("text", _TEXT),
    ("TEXT", "character varying"): ("text", _TEXT),
    ("SMALLINT", "smallint"): ("int2", _only(int)),
    ("INTEGER", "integer"): ("int4", _only(int)),
    ("BIGINT", "bigint"): ("int8", _only(int)),
    ("BOOLEAN", "boolean"): ("bool", _only(bool)),
    ("DATE", "date"): ("date", _only(date)),
    ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone"): ("timestamptz", _are_moments),
    ("FLOAT", "double precision"): ("float8", _only(float)),
    ("DOUBLE PRECISION", "double precision"): ("float8", _only(float)),
    ("NUMERIC", "numeric"): ("numeric", _only(Decimal)),
    ("UUID", "uuid"): ("uuid", _only(UUID)),
    ("JSON", "json"): ("json", _only(Json)),
    ("JSONB", "jsonb"): ("jsonb", _only(Jsonb)),
}
"""Type as declared, and as it is in the database: the name of what is sent, and what fits it."""


class Copying(msgspec.Struct, frozen=True):
    """How rows get into a table by COPY."""

    sql: str
    types: list[str]
    fits: list[Fits]

    def takes(self, rows: Sequence[Values]) -> bool:
        """Say whether each value of *rows* is exactly of its column's type."""
        columns = zip(*rows, strict=True)
        return all(fits(column) for fits, column in zip(self.fits, columns, strict=True))

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Copy *rows*, in order."""
        cursor = cast("Cursor[Values]", connection.connection.cursor())
        with cursor, cursor.copy(self.sql.encode()) as copy:
            copy.set_types(self.types)
            for row in rows:
                copy.write_row(row)


def copying_of(
    connection: Connection, statement: UpdateBase, names: Sequence[str], sql: str
) -> Copying | None:
    """Return how the rows of *statement* are copied; None when it does more than add rows.

    *names* are its parameters in their order, *sql* is what it comes to on *connection*.
    """
    if not isinstance(statement, Insert) or not isinstance(statement.table, Table):
        return None
    table = statement.table
    if (
        not names
        or not set(names) <= set(table.c.keys())
        or sql != _plain(connection, table, names)
    ):
        return None
    place = place_of(connection, table)
    rows = connection.execute(_find_columns, {"name": place})
    there = {str(name): str(kind) for name, kind in rows}
    columns = [table.c[name] for name in names]
    found = [_exact(connection, column, there.get(column.name, "")) for column in columns]
    exact = [pair for pair in found if pair is not None]
    if len(exact) < len(columns):
        return None
    listed = ", ".join(quoted(column.name) for column in columns)
    copy = f"COPY {place} ({listed}) FROM STDIN (FORMAT BINARY)"
    return Copying(copy, [kind for kind, _ in exact], [fits for _, fits in exact])


def _exact(connection: Connection, column: Column[object], kind: str) -> tuple[str, Fits] | None:
    """Return how values of *column* are sent, which is a *kind* in the database; None if cast."""
    dialect = connection.dialect
    declared = column.type.dialect_impl(dialect).compile(dialect)
    if kind.startswith("numeric(") and declared.replace(" ", "").lower() == kind:
        return "numeric", _only(Decimal)
    return _EXACT.get((_without_length(declared), _without_length(kind)))


def _without_length(kind: str) -> str:
    # The length of a text is checked, never cut, by either statement.
    return kind.partition("(")[0] if kind.lower().startswith(("varchar", "character v")) else kind


def _plain(connection: Connection, table: Table, names: Sequence[str]) -> str:
    """Return the SQL of an INSERT that gives the columns *names* values and does nothing else."""
    schemas: Schemas | None = connection.get_execution_options().get("schema_translate_map")
    compiled = insert(table).compile(
        dialect=connection.dialect,
        column_keys=list(names),
        for_executemany=True,
        schema_translate_map=schemas,
        render_schema_translate=schemas is not None,
    )
    return str(compiled)
