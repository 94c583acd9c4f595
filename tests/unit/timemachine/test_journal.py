"""The journal: every change of a row is in it, and can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from backstory.projections.columns import UtcDateTime
from backstory.projections.sqlite import SqliteDatabase
from backstory.timemachine.stepping.journal import Journal, Kind, RowChange

metadata = MetaData()
people = Table(
    "per son",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("na me", String(20), key="name", unique=True),
    Column("at", UtcDateTime),
    Column("balance", Numeric(10, 2)),
    Column("photo", LargeBinary),
)
pets = Table(
    "pet",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("owner", ForeignKey("per son.id", ondelete="CASCADE"), nullable=False),
    Column("order", Integer),
    sqlite_with_rowid=False,
)
TABLES = (people, pets)
START = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Return a connection within a transaction, to a database with the two tables."""
    yield from _connected()


def _connected() -> Iterator[Connection]:
    database = SqliteDatabase(make_url("sqlite://"))
    with database.writing() as connection:
        metadata.create_all(connection)
        yield connection
    database.close()


def dump(connection: Connection) -> list[list[tuple[object, ...]]]:
    """Return all rows."""
    return [
        [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
        for table in TABLES
    ]


def begun(connection: Connection) -> Journal:
    """Return a journal of the two tables."""
    journal = Journal(TABLES)
    journal.begin(connection)
    return journal


def ann(connection: Connection, **values: object) -> None:
    """Insert a person."""
    connection.execute(insert(people), {"id": 1, "name": "ann", "at": START, **values})


def test_a_change_shows_the_row_before_and_after_as_python_values(connection: Connection) -> None:
    """Nobody should have to read what SQLite makes of a time or a price."""
    journal = begun(connection)
    ann(connection, balance=Decimal("1.50"), photo=b"\x00\xff")
    connection.execute(update(people).values(balance=Decimal("2.25"), at=START.replace(year=2027)))
    connection.execute(delete(people))
    row = {"id": 1, "name": "ann", "at": START, "balance": Decimal("1.50"), "photo": b"\x00\xff"}
    later = row | {"balance": Decimal("2.25"), "at": START.replace(year=2027)}
    inserted, updated, deleted = journal.after(connection, 0)
    assert inserted == RowChange("per son", Kind.INSERTED, None, row)
    assert updated == RowChange("per son", Kind.UPDATED, row, later)
    assert deleted == RowChange("per son", Kind.DELETED, later, None)
    assert updated.columns == ("at", "balance")
    assert inserted.columns == deleted.columns == tuple(row)
    assert journal.after(connection, journal.number(connection)) == []


def test_what_the_database_does_by_itself_is_in_it(connection: Connection) -> None:
    """A cascade and a REPLACE change rows that no statement names."""
    ann(connection)
    connection.execute(insert(pets), [{"name": "rex", "owner": 1}, {"name": "tom", "owner": 1}])
    before = dump(connection)
    journal = begun(connection)
    connection.execute(insert(people).prefix_with("OR REPLACE"), {"id": 2, "name": "ann"})
    changes = [(change.table, change.kind) for change in journal.after(connection, 0)]
    assert sorted(changes, key=str) == [
        ("per son", Kind.DELETED),
        ("per son", Kind.INSERTED),
        ("pet", Kind.DELETED),
        ("pet", Kind.DELETED),
    ]
    journal.undo(connection, 0)
    assert dump(connection) == before
    assert (journal.number(connection), journal.after(connection, 0)) == (0, [])


names = st.sampled_from(["ann", "bob", "cleo"])
numbers = st.integers(1, 4)
replacing = st.sampled_from(["", "OR REPLACE", "OR IGNORE"])
operations = st.one_of(
    st.tuples(st.just("person"), numbers, names, replacing),
    st.tuples(st.just("pet"), numbers, names, replacing),
    st.tuples(st.just("rename"), numbers, names, st.just("")),
    st.tuples(st.just("renumber"), numbers, numbers, st.just("")),
    st.tuples(st.just("leave"), numbers, names, st.just("")),
)


def operate(connection: Connection, what: str, number: int, other: object, prefix: str) -> None:
    """Do something that may be refused."""
    statement, row = {
        "person": (insert(people), {"id": number, "name": other, "at": START}),
        "pet": (insert(pets), {"name": other, "owner": number, "order": number}),
        "rename": (update(people).where(people.c.id == number), {"name": other}),
        "renumber": (update(pets).where(pets.c.order == number), {"order": other}),
        "leave": (delete(people).where(people.c.id == number), {}),
    }[what]
    if prefix:
        statement = statement.prefix_with(prefix)
    try:
        with connection.begin_nested():
            connection.execute(statement, row)
    except IntegrityError:
        pass


@settings(deadline=None, max_examples=80)
@given(steps=st.lists(operations, max_size=20), back_to=st.data())
def test_undoing_leads_back_to_every_earlier_state(
    steps: list[tuple[str, int, object, str]], back_to: st.DataObject
) -> None:
    """And what is done from there on can be undone as well."""
    for connection in _connected():
        journal = begun(connection)
        states = [(journal.number(connection), dump(connection))]
        for step in steps:
            operate(connection, *step)
            states.append((journal.number(connection), dump(connection)))
        middle = back_to.draw(st.integers(0, len(steps)))
        number, state = states[middle]
        journal.undo(connection, number)
        assert dump(connection) == state
        for step, expected in zip(steps[middle:], states[middle + 1 :], strict=True):
            operate(connection, *step)
            assert (journal.number(connection), dump(connection)) == expected
        journal.undo(connection, 0)
        assert dump(connection) == [[], []]
