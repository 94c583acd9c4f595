"""A hash of the code and tables that decide what a read model holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Executable, Table
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from backstory.core.fingerprint import fingerprint


def fingerprint_of(
    name: str, tables: Iterable[Table], functions: Mapping[str, Callable[..., object]]
) -> str:
    """Return a hash that stays the same while *name*, *tables* and *functions* mean the same.

    It may change without need (another Python version); it is then only trusted less.
    """
    shapes = sorted(_ddl(table) for table in tables)
    return fingerprint(name, *shapes, *sorted(functions.items()), stand_in=_in_sql)


def _in_sql(value: object) -> object:
    """Return the SQL that a table or statement stands for, with what is bound in it."""
    if isinstance(value, Table):
        return _ddl(value)
    if isinstance(value, ClauseElement) and isinstance(value, Executable):
        compiled = value.compile()
        return str(compiled), dict(compiled.params)
    return None


def _ddl(table: Table) -> str:
    # Types that only some databases have lose their details in general SQL.
    return f"{CreateTable(table)} {[repr(column.type) for column in table.columns]}"
