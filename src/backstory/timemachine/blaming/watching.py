"""Watching some rows of a table: what happens to them is written down, nothing else is.

Temporary triggers of one SQLite connection do it. A row is watched while its columns have certain
values, so a replay at full speed tells whether anything happened to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import IdentifierPreparer

from backstory.core.errors import InvalidSetting
from backstory.timemachine.stepping.journal import Kind

ROWID: Final = "_rowid_"
"""What a table without a primary key is said to have as one: the number SQLite gives a row."""

_STATE: Final = "backstory_watch"
_LOG: Final = "backstory_watched"
_REPLACED: Final = 100
"""New rows of one event for which is looked whether they took another's place."""

Identity = Mapping[str, object]
"""The values that name a row: of its primary key, or its rowid."""


class Entry(msgspec.Struct, frozen=True):
    """One change of one row, None on the side where it was not there.

    `came_from` and `went_to` name the row before and after; `was_watched` and `is_watched` say
    whether it was one of those that were watched.
    """

    number: int
    kind: Kind
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    came_from: Identity | None
    went_to: Identity | None
    was_watched: bool
    is_watched: bool


class Watch:
    """Watches the rows of *table* that have the values of *condition* in its columns.

    Only what changes one of *columns*, names a row otherwise, or makes it come or go is written
    down, unless everything is to be.
    """

    def __init__(
        self, table: Table, condition: Mapping[str, object], columns: Sequence[str]
    ) -> None:
        """Watch through one connection; call `begin` first."""
        self._table = table
        self._condition = condition
        self._columns = tuple(table.columns)
        self._wanted = {*columns, *condition, *(str(column.name) for column in table.primary_key)}
        self._rowless = table.dialect_options["sqlite"]["with_rowid"] is False
        self._log = Table(
            _LOG,
            MetaData(),
            Column("number", Integer, primary_key=True),
            Column("kind", Integer),
            Column("was", Integer),
            Column("is", Integer),
            Column("old_row", Integer),
            Column("new_row", Integer),
            *(Column(f"old_{at}", column.type) for at, column in enumerate(self._columns)),
            *(Column(f"new_{at}", column.type) for at, column in enumerate(self._columns)),
        )

    def begin(self, connection: Connection) -> None:
        """Write down what happens from now on."""
        run = connection.exec_driver_sql
        run("PRAGMA recursive_triggers = ON")  # else what REPLACE removes would not be seen
        run(f"CREATE TEMP TABLE {_STATE} (number INTEGER, everything INTEGER)")
        run(f"INSERT INTO {_STATE} VALUES (0, 0)")  # noqa: S608 - made of constants
        log = str(CreateTable(self._log).compile(dialect=connection.dialect)).strip()
        run(log.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
        quote = connection.dialect.identifier_preparer
        wanted = {
            _name(quote, name): _literal(connection, self._table, name, value)
            for name, value in self._condition.items()
        }
        for kind in Kind:
            run(self._trigger(kind, quote, wanted))

    def _trigger(self, kind: Kind, quote: IdentifierPreparer, wanted: Mapping[str, str]) -> str:
        old, new = kind is not Kind.INSERTED, kind is not Kind.DELETED
        was = _has("old", wanted) if old else "0"
        now = _has("new", wanted) if new else "0"
        when = f"({was} OR {now})"
        names = [_name(quote, column.name) for column in self._columns]
        if old and new:
            others = " OR ".join(
                f"old.{name} IS NOT new.{name} COLLATE BINARY"
                for name, column in zip(names, self._columns, strict=True)
                if column.name in self._wanted
            )
            when = f"({when} AND ({others}))"
        values = {"kind": str(list(Kind).index(kind)), "was": was, '"is"': now}
        for of, there in (("old", old), ("new", new)):
            if there:
                if not self._rowless:
                    values[f"{of}_row"] = f"{of}.{ROWID}"
                values |= {f"{of}_{at}": f"{of}.{name}" for at, name in enumerate(names)}
        place = f"main.{quote.quote_identifier(self._table.name)}"
        return (
            f"CREATE TEMP TRIGGER {_LOG}_{kind.value} AFTER {kind.value} ON {place} "  # noqa: S608 - its names are quoted by SQLAlchemy, its values by SQLite
            f"WHEN {when} OR (SELECT everything FROM temp.{_STATE}) BEGIN "
            f"UPDATE {_STATE} SET number = number + 1; "
            f"INSERT INTO {_LOG} (number, {', '.join(values)}) "
            f"SELECT number, {', '.join(values.values())} FROM {_STATE}; END"
        )

    def number(self, connection: Connection) -> int:
        """Return how many changes were written down; what comes later has a higher number."""
        # Past SQLAlchemy, whose events may be what this is asked in.
        cursor = connection.connection.cursor()
        try:
            cursor.execute(f"SELECT number FROM temp.{_STATE}")  # noqa: S608 - made of constants
            found = cursor.fetchone()
        finally:
            cursor.close()
        assert found is not None  # noqa: S101 - `begin` put it there
        return int(found[0])

    def everything(self, connection: Connection, *, wanted: bool) -> None:
        """Write every change of the table down from now on, or no more."""
        connection.exec_driver_sql(f"UPDATE temp.{_STATE} SET everything = {wanted:d}")  # noqa: S608 - made of constants

    def forget(self, connection: Connection) -> None:
        """Forget what was written down."""
        connection.execute(self._log.delete())

    def entries(self, connection: Connection, number: int) -> Sequence[Entry]:
        """Return what happened behind *number* to watched rows, and to those they replaced."""
        log = self._log.c
        behind = select(self._log).where(log.number > number)
        rows = connection.execute(behind.where(or_(log.was == 1, log["is"] == 1))).all()
        found = {entry.number: entry for entry in map(self._entry, rows)}
        new = [entry for entry in found.values() if entry.kind is Kind.INSERTED]
        keys = list(self._table.primary_key)
        for entry in new[:_REPLACED] if keys else ():
            assert entry.after is not None  # noqa: S101 - it was inserted
            same = (
                log[f"old_{at}"] == entry.after[column.name]
                for at, column in enumerate(self._columns)
                if column.primary_key
            )
            replaced = behind.where(log.number < entry.number, *same).order_by(log.number.desc())
            row = connection.execute(replaced.limit(1)).first()
            if row is not None:
                found[row.number] = self._entry(row)
        return [found[at] for at in sorted(found)]

    def _entry(self, row: Row[*tuple[object, ...]]) -> Entry:
        values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way in
        kind = list(Kind)[row.kind]
        before = None if kind is Kind.INSERTED else self._values(values, "old")
        after = None if kind is Kind.DELETED else self._values(values, "new")
        return Entry(
            row.number,
            kind,
            before,
            after,
            None if before is None else self._identity(before, values["old_row"]),
            None if after is None else self._identity(after, values["new_row"]),
            bool(values["was"]),
            bool(values["is"]),
        )

    def _values(self, found: Mapping[str, object], which: str) -> dict[str, object]:
        return {str(column.name): found[f"{which}_{at}"] for at, column in enumerate(self._columns)}

    def _identity(self, values: Mapping[str, object], rowid: object) -> Identity:
        keys = [str(column.name) for column in self._table.primary_key]
        return {name: values[name] for name in keys} or {ROWID: rowid}


def rows_where(
    connection: Connection, table: Table, condition: Mapping[str, object], most: int
) -> Sequence[tuple[Identity, Mapping[str, object]]]:
    """Return the first rows of *table* with the values of *condition*, and what names each."""
    keys = [str(column.name) for column in table.primary_key]
    number: list[ColumnElement[object]] = (
        [] if keys else [literal_column(ROWID).label("backstory_rowid")]
    )
    clauses = []
    for name, value in condition.items():
        if name == ROWID:
            clauses.append(literal_column(ROWID) == bindparam(None, value, Integer))
        else:
            column = _column(table, name)
            clauses.append(column.is_not_distinct_from(bindparam(None, value, column.type)))
    found = connection.execute(select(table, *number).where(*clauses).limit(most)).all()
    answer = []
    for row in found:
        names = [str(column.name) for column in table.columns]
        values = dict(zip(names, row, strict=False))
        answer.append(({name: values[name] for name in keys} or {ROWID: row[-1]}, values))
    return answer


def _column(table: Table, name: str) -> Column[object]:
    return next(column for column in table.columns if column.name == name)


def _name(quote: IdentifierPreparer, name: str) -> str:
    return ROWID if name == ROWID else quote.quote_identifier(name)


def _literal(connection: Connection, table: Table, name: str, value: object) -> str:
    """Return *value* of a column as SQL: a trigger takes no parameters."""
    type_ = Integer() if name == ROWID else _column(table, name).type
    given = bindparam("given", value, type_)
    try:
        found: str = connection.execute(select(func.quote(given))).scalar_one()
    except StatementError as error:
        message = f"column {name!r} of table {table.name!r} holds no {value!r}: {error.orig}"
        raise InvalidSetting(message) from error
    return found


def _has(which: str, wanted: Mapping[str, str]) -> str:
    """Return the condition that the old or new row has the *wanted* values."""
    conditions = [f"{which}.{name} IS {value}" for name, value in wanted.items()]
    return f"({' AND '.join(conditions) or '1'})"
