"""Generated numbers in PostgreSQL, so that an interrupted rebuild gives the same ones.

A sequence is in no transaction: what a batch took before it was rolled back is gone. So each batch
writes down in its own transaction how far the sequences are, and who goes on begins from there.
Only one worker writes where there are such numbers, so nobody else takes any meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, MetaData, String, Table, event, text

from backstory.projections.database import Database
from backstory.projections.postgres.names import place_of

_number_table: Final = Table(
    "backstory_rebuild_number",
    MetaData(),
    Column("sequence", String(400), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("used", Boolean, nullable=False),
)
_SEQUENCE: Final = text("SELECT pg_get_serial_sequence(:place, :column)")


def keep_numbers(database: Database, tables: Sequence[Table]) -> None:
    """Set the numbers of *tables* back to those of the last commit, and note them at each one."""
    with database.writing() as connection:
        _number_table.create(connection, checkfirst=True)
        here = place_of(connection, _number_table)
        sequences = [found for table in tables if (found := _sequence_of(connection, table))]
        for sequence in sequences:
            _run(connection, _first(sequence, here))
        _run(connection, f"SELECT setval(sequence::regclass, value, used) FROM {here}")  # noqa: S608 - quoted by PostgreSQL
    if sequences:
        note = "; ".join(_noted(sequence, here) for sequence in sequences)
        event.listen(database.engine, "commit", lambda ending: _run(ending, note))


_AS_IT_IS: Final = {"no_parameters": True}


def _sequence_of(connection: Connection, table: Table) -> str | None:
    column = table.autoincrement_column
    if column is None:
        return None
    given = {"place": place_of(connection, table), "column": column.name}
    return connection.execute(_SEQUENCE, given).scalar()


def _first(sequence: str, here: str) -> str:
    return (
        f"INSERT INTO {here} SELECT {_literal(sequence)}, last_value, is_called FROM {sequence} "  # noqa: S608 - quoted by PostgreSQL
        "ON CONFLICT DO NOTHING"
    )


def _noted(sequence: str, here: str) -> str:
    return (
        f"UPDATE {here} SET (value, used) = (SELECT last_value, is_called FROM {sequence}) "  # noqa: S608 - quoted by PostgreSQL
        f"WHERE sequence = {_literal(sequence)}"
    )


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql, execution_options=_AS_IT_IS)
