"""Columns, and values of theirs, as they are named on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Column, Table, TypeDecorator

from backstory.core.errors import InvalidSetting

_NULL: Final = "null"
_ROWID: Final = ("_rowid_", "rowid")


def column_named(table: Table, name: str) -> str:
    """Return the column *name* of *table*; raises `InvalidSetting`."""
    names = [str(column.name) for column in table.columns]
    if name in names:
        return name
    if name in _ROWID and not table.primary_key.columns:
        return _ROWID[0]
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0)
    message = f"table {table.name!r} has no column {name!r}; did you mean {nearest[0]!r}?"
    raise InvalidSetting(message)


def named_values(table: Table, given: Sequence[str]) -> Mapping[str, object]:
    """Return the values that texts such as `username=ann` give to columns of *table*.

    `null` is no value, in a column of texts, too. Raises `InvalidSetting` for another form, an
    unknown column, and a value that the column cannot have.
    """
    values: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            message = f"a row is named by COLUMN=VALUE, such as username=ann, not by {text!r}"
            raise InvalidSetting(message)
        column = column_named(table, name.strip())
        values[column] = _value(table, column, value)
    return values


def _value(table: Table, name: str, text: str) -> object:
    column = next((column for column in table.columns if column.name == name), None)
    if text == _NULL:
        return None
    kind = int if column is None else _kind(column)
    try:
        return _READERS[kind](text) if kind in _READERS else msgspec.json.decode(text)
    except (ValueError, ArithmeticError) as error:
        message = f"column {name!r} of table {table.name!r} holds no {text!r}: {error}"
        raise InvalidSetting(message) from error


def _kind(column: Column[object]) -> type:
    kind = column.type
    if isinstance(kind, TypeDecorator):
        # It may take and give something else; as a rule it does not.
        kind = kind.impl_instance
    try:
        return kind.python_type
    except NotImplementedError:
        return str


def _moment(text: str) -> datetime:
    return msgspec.convert(text.replace(" ", "T"), datetime)


def _truth(text: str) -> bool:
    return msgspec.convert(text, bool, strict=False)


_READERS: Final[Mapping[type, Callable[[str], object]]] = {
    str: str,
    int: int,
    float: float,
    bool: _truth,
    bytes: bytes.fromhex,
    Decimal: Decimal,
    datetime: _moment,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
}
