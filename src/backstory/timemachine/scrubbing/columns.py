"""Rows of read models: values of Python, treated as the JSON that they would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID

from backstory.timemachine.scrubbing.declared import ITEM
from backstory.timemachine.scrubbing.treatment import Treatment

_READ: Final[Mapping[type, Callable[[str], object]]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    Decimal: Decimal,
}
_NO_COLUMNS: Final[Mapping[str, Treatment]] = {}


class Columns:
    """What is done with the columns of each table."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, Treatment]],
        pseudonym: Callable[[object], object],
        dropped: Callable[[object], None],
    ) -> None:
        """Treat as *tables* says, with *pseudonym* for a value and *dropped* told of the others."""
        self._tables = tables
        self._pseudonym = pseudonym
        self._dropped = dropped

    def treated(self, table: str, row: Mapping[str, object]) -> dict[str, object]:
        """Return *row* treated."""
        said = self._tables.get(table, self._tables.get(ITEM, _NO_COLUMNS))
        return {name: self._value(value, _said_of(said, name)) for name, value in row.items()}

    def _value(self, value: object, treatment: Treatment) -> object:
        if treatment is Treatment.KEEP:
            return value
        if treatment is Treatment.DROP:
            self._dropped(value)
            return None
        read = _READ.get(type(value))
        if read is not None:
            text = value.isoformat() if isinstance(value, date | time) else str(value)
            return read(str(self._pseudonym(text)))
        if isinstance(value, bytes):
            return str(self._pseudonym(value.hex())).encode()[: len(value)]
        return self._pseudonym(value)


def _said_of(said: Mapping[str, Treatment], column: str) -> Treatment:
    return said.get(column, said.get(ITEM, Treatment.PSEUDONYM))
