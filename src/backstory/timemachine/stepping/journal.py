"""A journal of every change of some tables, and the way back.

Triggers of one SQLite connection write each row as it was and as it became, also where a foreign
key or a REPLACE changes it. The numbers that AUTOINCREMENT gave are taken back, too. Nothing of it
stands in the database's file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Final

import msgspec
from sqlalchemy import Column, Connection, Integer, MetaData, Row, Table, bindparam, select, text
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import IdentifierPreparer

_STATE: Final = "backstory_journal"
_SET_UP: Final = (
    "PRAGMA recursive_triggers = ON",
    f"CREATE TEMP TABLE {_STATE} (writing INTEGER, number INTEGER)",
    f"INSERT INTO {_STATE} VALUES (1, 0)",
)
_WRITING: Final = f"(SELECT writing FROM temp.{_STATE})"
_ROWID: Final = "_rowid_"
_NUMBERS: Final = text("SELECT name, seq FROM sqlite_sequence")
_FORGET_NUMBERS: Final = text("DELETE FROM sqlite_sequence")
_SET_NUMBER: Final = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)")


class Kind(Enum):
    """What happened to a row."""

    INSERTED = "INSERT"
    UPDATED = "UPDATE"
    DELETED = "DELETE"


class RowChange(msgspec.Struct, frozen=True):
    """One change of one row: its values by column before and after, None where it was not there."""

    table: str
    kind: Kind
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns whose value is another now; all of a row that came or went."""
        if self.before is None or self.after is None:
            return tuple(self.after or self.before or ())
        return tuple(name for name, value in self.after.items() if self.before[name] != value)


class Journal:
    """What happens to *tables* on the one connection that a SQLite database has."""

    def __init__(self, tables: Sequence[Table]) -> None:
        """Be about *tables*; call `begin` before anything else."""
        self._tables = tuple(tables)
        self._pages: list[_Page] = []
        self._places = ""
        self._counting = any(table.dialect_options["sqlite"]["autoincrement"] for table in tables)
        # No trigger can be put on the table that SQLite keeps them in.
        self._counted: dict[int, Sequence[Mapping[str, object]]] = {}

    def begin(self, connection: Connection) -> None:
        """Write down what is changed from now on."""
        for statement in _SET_UP:
            connection.exec_driver_sql(statement)
        quote = connection.dialect.identifier_preparer
        self._pages = [_Page(number, table, quote) for number, table in enumerate(self._tables)]
        for page in self._pages:
            for statement in page.set_up(connection):
                connection.exec_driver_sql(statement)
        # Most events change rows of few tables; one question tells of which.
        self._places = " UNION ALL ".join(
            f"SELECT {at} WHERE EXISTS (SELECT 1 FROM {page.place} WHERE number > :number)"
            for at, page in enumerate(self._pages)
        )

    def number(self, connection: Connection) -> int:
        """Return how many changes were written down; what comes later has a higher number.

        `undo` takes the numbers of rows back to what they were when this was asked last.
        """
        found: int = connection.exec_driver_sql(f"SELECT number FROM temp.{_STATE}").scalar_one()
        if self._counting:
            rows = connection.execute(_NUMBERS)
            self._counted[found] = [{"name": row.name, "number": row.seq} for row in rows]
        return found

    def after(
        self, connection: Connection, number: int, *, but: Collection[Table] = ()
    ) -> Sequence[RowChange]:
        """Return the changes behind *number*, in order, *but* those of some tables."""
        return [page.change(row) for row, page in self._entries(connection, number, but)]

    def undo(self, connection: Connection, number: int) -> None:
        """Take back every change behind *number*, the latest first, and forget it."""
        with _resting(connection):
            for row, page in reversed(self._entries(connection, number)):
                page.undo(connection, row)
            for page in self._pages:
                page.forget(connection, number)
        _set(connection, "number", number)
        self._count_from(connection, number)

    def _count_from(self, connection: Connection, number: int) -> None:
        counted = self._counted.get(number)
        if counted is None:
            return
        connection.execute(_FORGET_NUMBERS)
        if counted:
            connection.execute(_SET_NUMBER, counted)
        self._counted = {at: known for at, known in self._counted.items() if at <= number}

    def forget(self, connection: Connection, number: int) -> None:
        """Let go of every change up to *number*, which then can be taken back no more."""
        for page in self._pages:
            page.forget_first(connection, number)
        self._counted = {at: known for at, known in self._counted.items() if at >= number}

    def _entries(
        self, connection: Connection, number: int, but: Collection[Table] = ()
    ) -> list[tuple[Row[tuple[object, ...]], _Page]]:
        if not self._places:
            return []
        written = connection.exec_driver_sql(self._places, {"number": number}).scalars()
        pages = [self._pages[at] for at in written if self._tables[at] not in but]
        found = [(row, page) for page in pages for row in page.entries(connection, number)]
        return sorted(found, key=lambda entry: entry[0].number)


@contextmanager
def _resting(connection: Connection) -> Iterator[None]:
    _set(connection, "writing", 0)
    # Row by row a foreign key may point at what is only put back next.
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = OFF")
        _set(connection, "writing", 1)


def _set(connection: Connection, column: str, value: int) -> None:
    connection.exec_driver_sql(f"UPDATE temp.{_STATE} SET {column} = {value}")


class _Page:
    """The part of the journal that is about one table."""

    def __init__(self, number: int, table: Table, quote: IdentifierPreparer) -> None:
        self._table = table
        self._columns = tuple(table.columns)
        self._place = f"main.{quote.quote_identifier(table.name)}"
        self._target = quote.quote_identifier(table.name)
        self._names = [quote.quote_identifier(column.name) for column in self._columns]
        self._keyed = table.dialect_options["sqlite"]["with_rowid"] is False
        keys = [quote.quote_identifier(column.name) for column in table.primary_key]
        self._key = keys if self._keyed else [_ROWID]
        # Typed as the table's, so that what is read here is what is read there.
        self._log = Table(
            f"{_STATE}_{number}",
            MetaData(),
            Column("number", Integer, primary_key=True),
            Column("kind", Integer),
            Column("old_row", Integer),
            Column("new_row", Integer),
            *(Column(f"old_{at}", column.type) for at, column in enumerate(self._columns)),
            *(Column(f"new_{at}", column.type) for at, column in enumerate(self._columns)),
        )
        self._later = select(self._log).where(self._log.c.number > bindparam("number"))

    def set_up(self, connection: Connection) -> Iterator[str]:
        """Yield the statements that begin it."""
        table = str(CreateTable(self._log).compile(dialect=connection.dialect)).strip()
        yield table.replace("CREATE TABLE", "CREATE TEMP TABLE", 1)
        for kind in Kind:
            old, new = kind is not Kind.INSERTED, kind is not Kind.DELETED
            rows = [] if self._keyed else [("old_row", old, "old"), ("new_row", new, "new")]
            values = [(name, f"{of}.{_ROWID}") for name, there, of in rows if there]
            for at, name in enumerate(self._names):
                values += [(f"old_{at}", f"old.{name}")] * old + [
                    (f"new_{at}", f"new.{name}")
                ] * new
            columns = ", ".join(column for column, _ in values)
            given = ", ".join(value for _, value in values)
            yield (
                f"CREATE TEMP TRIGGER {self._log.name}_{kind.value} AFTER {kind.value} "
                f"ON {self._place} WHEN {_WRITING} BEGIN "
                f"UPDATE {_STATE} SET number = number + 1; "
                f"INSERT INTO {self._log.name} (number, kind, {columns}) "
                f"SELECT number, {list(Kind).index(kind)}, {given} FROM {_STATE}; END"
            )

    @property
    def place(self) -> str:
        """Return where it is written down."""
        return f"temp.{self._log.name}"

    def entries(self, connection: Connection, number: int) -> Sequence[Row[tuple[object, ...]]]:
        """Return what is written here behind *number*."""
        return connection.execute(self._later, {"number": number}).all()

    def change(self, row: Row[tuple[object, ...]]) -> RowChange:
        """Return what *row* says."""
        kind = list(Kind)[row.kind]
        return RowChange(
            str(self._table.name),
            kind,
            None if kind is Kind.INSERTED else self._values(row, "old"),
            None if kind is Kind.DELETED else self._values(row, "new"),
        )

    def _values(self, row: Row[tuple[object, ...]], which: str) -> dict[str, object]:
        found = row._mapping  # noqa: SLF001 - SQLAlchemy's documented way in
        return {column.key: found[f"{which}_{at}"] for at, column in enumerate(self._columns)}

    def undo(self, connection: Connection, row: Row[tuple[object, ...]]) -> None:
        """Make it as if what *row* says had not happened."""
        source = f"temp.{self._log.name} WHERE number = {row.number}"
        olds = ", ".join(f"old_{at}" for at in range(len(self._names)))
        names = ", ".join(self._names)
        if row.kind == list(Kind).index(Kind.DELETED):
            rowid = [] if self._keyed else [(_ROWID, "old_row")]
            columns = ", ".join([*(name for name, _ in rowid), names])
            values = ", ".join([*(value for _, value in rowid), olds])
            statement = f"INSERT INTO {self._place} ({columns}) SELECT {values} FROM {source}"
        elif row.kind == list(Kind).index(Kind.INSERTED):
            statement = f"DELETE FROM {self._place} WHERE {self._here(source)}"
        else:
            statement = (
                f"UPDATE {self._place} SET ({names}) = (SELECT {olds} FROM {source}) "
                f"WHERE {self._here(source)}"
            )
        connection.exec_driver_sql(statement)

    def _here(self, source: str) -> str:
        """Return the condition for the row as it is now."""
        if not self._keyed:
            return f"{_ROWID} = (SELECT new_row FROM {source})"
        at = {name: place for place, name in enumerate(self._names)}
        news = ", ".join(f"new_{at[name]}" for name in self._key)
        return f"({', '.join(self._key)}) = (SELECT {news} FROM {source})"

    def forget(self, connection: Connection, number: int) -> None:
        """Remove what is written here behind *number*."""
        connection.execute(self._log.delete().where(self._log.c.number > number))

    def forget_first(self, connection: Connection, number: int) -> None:
        """Remove what is written here up to *number*."""
        connection.execute(self._log.delete().where(self._log.c.number <= number))
