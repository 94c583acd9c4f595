"""The numbers that a database gives to rows of its own accord, so that it goes on from the same.

PostgreSQL keeps them in sequences. SQLite gives the highest that is there plus one and so keeps
nothing, except for tables that were declared with AUTOINCREMENT.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Connection, Select, Table, TextClause, func, select, text

_SEQUENCE: Final = text("SELECT pg_get_serial_sequence(:table, :column)")
_SET: Final = text("SELECT setval(CAST(:sequence AS regclass), :number)")
_IN_SQLITE: Final = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
_HAS_SEQUENCES: Final = text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
_FORGET_IN_SQLITE: Final = text("DELETE FROM sqlite_sequence WHERE name = :table")
_SET_IN_SQLITE: Final = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)")


def highest_number(connection: Connection, table: Table) -> int | None:
    """Return the highest number that was given to a row of *table*; None when none is kept."""
    column = table.autoincrement_column
    if column is None:
        return None
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        if sequence is None:
            return None
        state = connection.execute(_state_of(sequence)).one()
        return int(state.last_value) if state.is_called else 0
    if connection.execute(_HAS_SEQUENCES).first() is None:
        return None
    number: int | None = connection.execute(_IN_SQLITE, {"table": table.name}).scalar()
    return number


def go_on_from(connection: Connection, table: Table, number: int | None) -> None:
    """Let *connection*'s database give the next row of *table* a higher number than *number*.

    None stands for the highest that is there. SQLite goes on from the highest that is there unless
    the table was declared with AUTOINCREMENT.
    """
    column = table.autoincrement_column
    if column is None:
        return
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        if number is None:
            number = connection.execute(_highest(table, column)).scalar()
        if sequence is not None and number:
            connection.execute(_SET, {"sequence": sequence, "number": number})
    elif number is not None and table.dialect_options["sqlite"]["autoincrement"]:
        connection.execute(_FORGET_IN_SQLITE, {"table": table.name})
        connection.execute(_SET_IN_SQLITE, {"table": table.name, "number": number})


def _highest(table: Table, column: Column[int]) -> Select[int]:
    return select(func.max(table.c[column.key]))


def _state_of(sequence: str) -> TextClause:
    # The server answered with a name, quoted as it has to be.
    return text(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - (see above)


def _sequence(connection: Connection, table: Table, column: Column[int]) -> str | None:
    quoted = connection.dialect.identifier_preparer
    schema = connection.schema_for_object(table)
    place = quoted.quote_identifier(table.name)
    if schema is not None:
        place = f"{quoted.quote_identifier(schema)}.{place}"
    given = {"table": place, "column": column.name}
    sequence: str | None = connection.execute(_SEQUENCE, given).scalar()
    return sequence
