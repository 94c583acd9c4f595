"""How a table is compared: by which columns, and what makes two rows the same one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Table, UniqueConstraint

from backstory.core.errors import InvalidSetting


class Terms(msgspec.Struct, frozen=True):
    """How a table is compared: by which columns, matched by which key (none: by all of them)."""

    table: Table
    columns: Sequence[str]
    key: Sequence[str]


def terms_of(table: Table, ignore: Sequence[str] = (), there: Sequence[str] | None = None) -> Terms:
    """Return how *table* is compared when some columns are to be ignored, and some are *there*.

    Raises `InvalidSetting` when no column is left.
    """
    names = [
        str(column.name)
        for column in table.columns
        if column.name not in ignore and (there is None or column.name in there)
    ]
    if not names:
        message = f"nothing is left to compare of table {table.name!r}; ignore fewer columns"
        raise InvalidSetting(message)
    return Terms(table, names, next((key for key in keys_of(table) if set(key) <= set(names)), ()))


def keys_of(table: Table) -> Sequence[Sequence[str]]:
    """Return the columns that name a row of *table*, each way there is, the primary key first."""
    keys = [tuple(str(column.name) for column in table.primary_key)]
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        if isinstance(constraint, UniqueConstraint):
            columns = list(constraint.columns)
            if not any(column.nullable for column in columns):
                keys.append(tuple(str(column.name) for column in columns))
    return [key for key in keys if key]
