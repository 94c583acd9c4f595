"""Which writes may change places: those between which nobody could see an order."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    UpdateBase,
    bindparam,
    delete,
    func,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from backstory.projections.batch import Run
from backstory.projections.projection import Write
from backstory.projections.sqlite import SqliteDatabase
from backstory.projections.statements import Plans
from backstory.projections.touching import touched_by

metadata = MetaData()
owner = Table("owner", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
pet = Table(
    "pet",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", ForeignKey("owner.id", ondelete="CASCADE"), nullable=False),
)
toy = Table(
    "toy",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pet", ForeignKey("pet.id", ondelete="CASCADE"), nullable=False),
)
tally = Table("tally", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
KIN = frozenset({"owner", "pet", "toy"})
by_id: BindParameter[int] = bindparam("which")


@pytest.mark.parametrize(
    ("statement", "touched"),
    [
        (insert(tally), {"tally"}),
        (update(tally).where(tally.c.id == by_id).values(n=tally.c.n + 1), {"tally"}),
        (delete(tally).where(tally.c.id.in_([1, 2])), {"tally"}),
        (insert(toy), KIN),
        (delete(owner).where(owner.c.id == by_id), KIN),
        (insert(tally).from_select(["id"], select(owner.c.id)), None),
        (update(tally).values(n=select(func.count()).select_from(pet).scalar_subquery()), None),
        (update(tally).where(tally.c.id == owner.c.id).values(n=owner.c.n), None),
        (delete(tally).where(tally.c.id.in_(select(pet.c.id))), None),
        (update(tally).where(text("id IN (SELECT id FROM pet)")).values(n=1), None),
        (update(tally).values(n=func.of_the_server()), None),
    ],
)
def test_a_statement_touches_its_table_and_what_foreign_keys_connect_it_with(
    statement: UpdateBase, touched: frozenset[str] | None
) -> None:
    """Whatever may read another table keeps its place among all."""
    assert touched_by(statement) == touched


insert_owner, insert_pet, insert_toy = insert(owner), insert(pet), insert(toy)
insert_tally = insert(tally)
raise_tally = update(tally).where(tally.c.id == by_id).values(n=tally.c.n * 2 + 1)
remove_owner = delete(owner).where(owner.c.id == by_id)
remove_tally = delete(tally).where(tally.c.id == by_id)
count_pets = update(tally).values(n=select(func.count()).select_from(pet).scalar_subquery())

numbers = st.integers(1, 3)
writes = st.one_of(
    st.builds(lambda n: (insert_owner, {"id": n, "n": n}), numbers),
    st.builds(lambda n, o: (insert_pet, {"id": n, "owner": o}), numbers, numbers),
    st.builds(lambda n, p: (insert_toy, {"id": n, "pet": p}), numbers, numbers),
    st.builds(lambda n: (insert_tally, {"id": n, "n": 0}), numbers),
    st.builds(lambda n: (raise_tally, {"which": n}), numbers),
    st.builds(lambda n: (remove_owner, {"which": n}), numbers),
    st.builds(lambda n: (remove_tally, {"which": n}), numbers),
    st.just(count_pets),
)


def outcome(given: list[Write], *, together: bool) -> object:
    """Return all rows after the writes; that they are refused when one of them is."""
    database = SqliteDatabase(make_url("sqlite://"))
    try:
        with database.writing() as connection:
            metadata.create_all(connection)
            run = Run(connection, Plans(connection.dialect))
            for write in given:
                run.add(write)
                if not together:
                    run.flush()
            run.flush()
            return _rows(connection)
    except (IntegrityError, sqlite3.IntegrityError):  # by SQLAlchemy, or by the driver itself
        return "refused"
    finally:
        database.close()


def _rows(connection: Connection) -> list[list[tuple[object, ...]]]:
    return [
        [tuple(row) for row in connection.execute(select(table).order_by(table.c.id))]
        for table in (owner, pet, toy, tally)
    ]


@settings(deadline=None)
@given(given=st.lists(writes, max_size=14))
def test_however_writes_wait_they_come_to_what_they_come_to_one_by_one(given: list[Write]) -> None:
    """Cascades, foreign keys, rows read by others: no order that could be seen is changed."""
    assert outcome(given, together=True) == outcome(given, together=False)


def test_writes_to_tables_in_turn_are_run_together() -> None:
    """A handler that writes to two tables costs two statements a batch, not two an event."""
    metadata_of = MetaData()
    first, second = (
        Table(name, metadata_of, Column("id", Integer, primary_key=True), Column("s", String(9)))
        for name in ("first", "second")
    )
    add_first, add_second = insert(first), insert(second)
    database = SqliteDatabase(make_url("sqlite://"))
    with database.writing() as connection:
        metadata_of.create_all(connection)
        run = Run(connection, Plans(connection.dialect))
        for number in range(50):
            run.add((add_first, {"id": number, "s": "a"}))
            run.add((add_second, {"id": number, "s": "b"}))
        sizes = [len(rows) for _, rows in run.waiting]
        run.flush()
        assert connection.execute(select(func.count()).select_from(second)).scalar_one() == 50
    database.close()
    assert sizes == [50, 50]
