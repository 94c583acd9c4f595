"""Comparing the rows that were rebuilt with those that are live, at the same position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Label,
    Table,
    Text,
    and_,
    cast,
    except_,
    except_all,
    func,
    inspect,
    select,
)
from sqlalchemy import UniqueConstraint as Unique

SHOWN: Final = 5
"""How many differing rows are shown of each side of a table."""

Row: TypeAlias = Mapping[str, object]
Placed: TypeAlias = Callable[[Table], Table]
"""Answers a table as it stands in one of the two places."""


class TableDifference(msgspec.Struct, frozen=True):
    """How one table compares: rows there are, the first rows that only one side has.

    `columns` are those that were compared: all that both sides have. `renumbered` counts the rows
    that have another generated number than before, found by a unique constraint of the table.
    """

    table: str
    live: int
    rebuilt: int
    only_live: Sequence[Row]
    only_rebuilt: Sequence[Row]
    columns: Sequence[str]
    renumbered: int

    @property
    def same(self) -> bool:
        """Return whether the two hold the same rows."""
        return self.live == self.rebuilt and not self.only_live and not self.only_rebuilt


class Comparison(msgspec.Struct, frozen=True):
    """How what was rebuilt compares with what was live when both had applied `positions`.

    `reason` says why there was nothing to compare with; then there are no `tables`.
    """

    positions: tuple[int, ...] = ()
    tables: tuple[TableDifference, ...] = ()
    reason: str | None = None

    @property
    def same(self) -> bool:
        """Return whether everything was compared and nothing differs."""
        return self.reason is None and all(table.same for table in self.tables)

    @property
    def renumbered(self) -> int:
        """Return how many rows have another generated number than before."""
        return sum(table.renumbered for table in self.tables)


def compare(
    connection: Connection, table: Table, live: Placed, rebuilt: Placed
) -> TableDifference | None:
    """Return how *table* compares in the two places; None when it is not live yet."""
    old, new = live(table), rebuilt(table)
    look = inspect(connection)
    if not look.has_table(old.name, schema=old.schema):
        return None
    there = {column["name"] for column in look.get_columns(old.name, schema=old.schema)}
    names = [column.name for column in table.columns if column.name in there]
    return TableDifference(
        table=str(table.name),
        live=_count(connection, old),
        rebuilt=_count(connection, new),
        only_live=_only(connection, old, new, names),
        only_rebuilt=_only(connection, new, old, names),
        columns=names,
        renumbered=_renumbered(connection, table, old, new, there),
    )


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _only(connection: Connection, one: Table, other: Table, names: Sequence[str]) -> Sequence[Row]:
    """Return the first rows that *one* has and *other* has not."""
    mine, theirs = (select(*_comparable(table, names)) for table in (one, other))
    # SQLite's EXCEPT knows no ALL: rows that are there several times show in the counts.
    except_of = except_ if connection.dialect.name == "sqlite" else except_all
    rows = connection.execute(except_of(mine, theirs).limit(SHOWN))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented way in


def _comparable(table: Table, names: Sequence[str]) -> Iterator[Label[str] | Label[object]]:
    by_name = {column.name: column for column in table.columns}
    for name in names:
        column: ColumnElement[object] = by_name[name]
        # A database does not say whether two documents are equal, only whether their texts are.
        if isinstance(column.type, JSON):
            yield cast(column, Text).label(name)
        else:
            yield column.label(name)


def _renumbered(
    connection: Connection, table: Table, old: Table, new: Table, there: set[str]
) -> int:
    """Return how many rows that the same unique values name are numbered otherwise."""
    number = table.autoincrement_column
    if number is None or number.name not in there:
        return 0
    for constraint in table.constraints:
        names = (
            [column.name for column in constraint.columns] if isinstance(constraint, Unique) else []
        )
        if names and number.name not in names and there.issuperset(names):
            olds = {column.name: column for column in old.columns}
            news = {column.name: column for column in new.columns}
            pairs = and_(*(olds[name] == news[name] for name in names))
            moved = pairs & (olds[number.name] != news[number.name])
            counted = select(func.count()).select_from(old.join(new, moved))
            return connection.execute(counted).scalar_one()
    return 0
