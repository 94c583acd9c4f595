"""Rows of a table in two SQLite files: which came, which went, which changed, and how.

    key:     ── is it there? ── the same columns? ──> added, removed, changed
    no key:  ── how often on either side, of equal rows? ──> added, removed, each with a number

SQLite does it, so memory stays bounded whatever the size of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

import msgspec
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    NullPool,
    Select,
    String,
    Table,
    Text,
    and_,
    collate,
    create_engine,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.engine import URL, Row

from backstory.timemachine.diffing.terms import Terms
from backstory.timemachine.diffing.values import Change

_EARLIER: Final = "earlier"


class RowDiff(msgspec.Struct, frozen=True):
    """One row that differs: its values by column before and after, None on the side without it.

    `columns` are those whose value is another. A row of a table without a key came or went so many
    `times`.
    """

    kind: Change
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    columns: Sequence[str] = ()
    times: int = 1


class TableDiff(msgspec.Struct, frozen=True):
    """How a table differs: how many rows came, went and changed, and the first of them.

    Rows were matched by the columns of `key`; when that is empty, rows are the same that are equal
    in all `columns`, and how often there are such counts.
    """

    table: str
    key: Sequence[str]
    columns: Sequence[str]
    added: int
    removed: int
    changed: int
    rows: Sequence[RowDiff]

    @property
    def same(self) -> bool:
        """Return whether nothing differs."""
        return not (self.added or self.removed or self.changed)


@contextmanager
def both(before: Path, after: Path) -> Iterator[Connection]:
    """Give a connection to the files of both sides, to compare them with `diff_table`."""
    engine = create_engine(
        URL.create("sqlite", database=str(after)),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH DATABASE ? AS {_EARLIER}", (str(before),))
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - it is connected
        driver.create_function("backstory_document", 1, _document, deterministic=True)
        yield connection


def _document(text: object) -> object:
    """Return a JSON text as every text is written that means the same."""
    return json.dumps(json.loads(text), sort_keys=True) if isinstance(text, str) else text


def diff_table(connection: Connection, terms: Terms, *, most: int) -> TableDiff:
    """Return how a table differs between the two files, with the first *most* of each kind."""
    comparing = _Comparing(connection, terms, most)
    rows = comparing.keyed() if terms.key else comparing.counted()
    table, key, columns = str(terms.table.name), terms.key, terms.columns
    return TableDiff(table, key, columns, *comparing.numbers, tuple(rows))


def is_unique(connection: Connection, terms: Terms) -> bool:
    """Say whether the key names one row on both sides."""
    for schema in (_EARLIER, "main"):
        table = _placed(terms.table, schema)
        key = [table.c[name] for name in terms.key]
        twice = (
            select(literal(1)).select_from(table).group_by(*key).having(func.count() > 1).limit(1)
        )
        if connection.execute(twice).first() is not None:
            return False
    return True


def _placed(table: Table, schema: str) -> Table:
    columns = [Column(column.name, column.type) for column in table.columns]
    return Table(table.name, MetaData(), *columns, schema=schema)


class _Comparing:
    """One table on both sides."""

    def __init__(self, connection: Connection, terms: Terms, most: int) -> None:
        self._connection = connection
        self._names = terms.columns
        self._key = terms.key
        self._most = most
        self._old, self._new = (_placed(terms.table, schema) for schema in (_EARLIER, "main"))
        self._match = and_(true(), *(self._old.c[name] == self._new.c[name] for name in terms.key))
        self.numbers = (0, 0, 0)
        """How many were added, removed, changed."""

    def keyed(self) -> list[RowDiff]:
        added, more = self._first(self._only(self._new, self._old))
        removed, fewer = self._first(self._only(self._old, self._new))
        changed, other = self._first(self._changed())
        self.numbers = (more, fewer, other)
        return [
            *(RowDiff(Change.REMOVED, self._values(row, "v"), None) for row in removed),
            *(RowDiff(Change.ADDED, None, self._values(row, "v")) for row in added),
            *(self._both(row) for row in changed),
        ]

    def _only(self, one: Table, other: Table) -> Select[*tuple[object, ...]]:
        there = exists(select(literal(1)).select_from(other).where(self._match))
        columns = self._labelled(one, "v")
        return select(*columns).where(~there).order_by(*(one.c[name] for name in self._key))

    def _changed(self) -> Select[*tuple[object, ...]]:
        differs = or_(
            *(
                _exactly(self._old.c[name]).is_distinct_from(_exactly(self._new.c[name]))
                for name in self._names
            )
        )
        columns = [*self._labelled(self._old, "o"), *self._labelled(self._new, "n")]
        order = (self._old.c[name] for name in self._key)
        return select(*columns).where(self._match, differs).order_by(*order)

    def _labelled(self, table: Table, label: str) -> list[ColumnElement[object]]:
        return [column.label(f"{label}{at}") for at, column in enumerate(table.columns)]

    def _first(
        self, query: Select[*tuple[object, ...]]
    ) -> tuple[Sequence[Row[*tuple[object, ...]]], int]:
        """Return the first rows of *query*, and how many there are."""
        found = self._connection.execute(query.limit(self._most + 1)).all()
        if len(found) <= self._most:
            return found, len(found)
        counted = select(func.count()).select_from(query.order_by(None).subquery())
        return found[: self._most], self._connection.execute(counted).scalar_one()

    def _values(self, row: Row[*tuple[object, ...]], label: str) -> dict[str, object]:
        found = row._mapping  # noqa: SLF001 - SQLAlchemy's documented way in
        return {
            str(column.name): found[f"{label}{at}"] for at, column in enumerate(self._old.columns)
        }

    def _both(self, row: Row[*tuple[object, ...]]) -> RowDiff:
        before, after = self._values(row, "o"), self._values(row, "n")
        names = [name for name in self._names if before[name] != after[name]]
        return RowDiff(Change.CHANGED, before, after, names)

    def counted(self) -> list[RowDiff]:
        """Return the rows of which there are more on one side than on the other."""
        sides = [
            select(*(table.c[name] for name in self._names), literal(by).label("by"))
            for table, by in ((self._new, 1), (self._old, -1))
        ]
        every = union_all(*sides).subquery()
        surplus = func.sum(every.c.by)
        columns = [every.c[name] for name in self._names]
        query = (
            select(*columns, surplus.label("surplus"))
            .group_by(*map(_exactly, columns))
            .having(surplus != 0)
        )
        differing = query.subquery()
        rows: list[RowDiff] = []
        numbers = []
        for kind, which in ((Change.REMOVED, -1), (Change.ADDED, 1)):
            times = differing.c.surplus * which
            total = select(func.coalesce(func.sum(times), 0)).where(times > 0)
            numbers.append(int(self._connection.execute(total).scalar_one()))
            if numbers[-1]:
                found = self._connection.execute(
                    query.having(surplus * which > 0).limit(self._most)
                )
                rows += [self._several(kind, row) for row in found]
        self.numbers = (numbers[1], numbers[0], 0)
        return rows

    def _several(self, kind: Change, row: Row[*tuple[object, ...]]) -> RowDiff:
        values = dict(zip(self._names, row, strict=False))
        times = abs(int(str(row[-1])))
        if kind is Change.ADDED:
            return RowDiff(kind, None, values, times=times)
        return RowDiff(kind, values, None, times=times)


def _exactly(column: ColumnElement[object]) -> ColumnElement[object]:
    """Return what tells any two values of *column* apart that are not the same."""
    exact: ColumnElement[object] = column
    if isinstance(column.type, JSON):
        # Two documents are the same whatever the order of their keys.
        exact = func.backstory_document(column, type_=Text)
    elif isinstance(column.type, String) and column.type.collation:
        exact = cast("ColumnElement[object]", collate(cast("ColumnElement[str]", column), "BINARY"))
    return exact
