"""A hash of the code and tables that decide what a read model holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Executable, Table
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from backstory.core.fingerprint import fingerprint
from backstory.core.schema import Schema


def fingerprint_of(
    name: str, tables: Iterable[Table], functions: Mapping[str, Callable[..., object]]
) -> str:
    """Return a hash that stays the same while *name*, *tables* and *functions* mean the same.

    It may change without need (another Python version); it is then only trusted less.
    """
    shapes = sorted(_ddl(table) for table in tables)
    return fingerprint(name, *shapes, *sorted(functions.items()), stand_in=_in_sql)


def meaning_of_events(schema: Schema, followed: Iterable[type]) -> str:
    """Return a hash of what events of the types *followed* decode to, upcasters included."""
    names = sorted({name for python in followed for name in schema.names_of(python)})
    types = [schema.type_named(name) for name in names]
    return fingerprint(
        *names, *[(of.version, of.python, *sorted(of.upcasters.items())) for of in types]
    )


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
