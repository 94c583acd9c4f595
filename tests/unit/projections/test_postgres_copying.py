from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import cast
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Engine,
    Float,
    Identity,
    Insert,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

from backstory.projections.columns import UtcDateTime
from backstory.projections.postgres.database import PostgresDatabase
from backstory.projections.postgres.plan import FEWEST_TO_COPY
from backstory.projections.statements import Plans

ENOUGH = FEWEST_TO_COPY
SCHEMA = 'it\'s "100%" odd'
NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
ABROAD = NOON.astimezone(timezone(timedelta(hours=-7)))
NAIVE = NOON.replace(tzinfo=None)

_COUNT_STATEMENTS = """
CREATE TABLE statements (n int);
CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END $$;
"""


class Colour(StrEnum):
    """A kind of text that is no plain text."""

    RED = "red"


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Return the engine of a schema in which statements can be counted."""
    database = PostgresDatabase(make_url(postgres_url), SCHEMA)
    with database.engine.begin() as connection:
        connection.execute(CreateSchema(SCHEMA))
        connection.exec_driver_sql(_COUNT_STATEMENTS, execution_options={"no_parameters": True})
    yield database.engine
    database.close()


def _table(*columns: Column[object], name: str = "Odd %s name") -> Table:
    return Table(name, MetaData(), Column("id", BigInteger, primary_key=True), *columns)


def _create(connection: Connection, table: Table, *ddl: str) -> None:
    """Create *table*, change it by *ddl*, and count the statements that write to it."""
    table.create(connection)
    name = '"' + table.name.replace('"', '""') + '"'
    trigger = "CREATE TRIGGER t AFTER INSERT ON {} EXECUTE FUNCTION count_statement()"
    for sql in (*ddl, trigger):
        connection.exec_driver_sql(sql.format(name), execution_options={"no_parameters": True})


def _run(
    connection: Connection, statement: Insert, rows: Sequence[dict[str, object]]
) -> tuple[list[tuple[object, ...]], int]:
    """Return what the table holds after *rows*, and how many statements that took."""
    plans = Plans(connection.dialect)
    plan, _ = plans.find(statement, rows[0])
    plan.run(connection, [plans.find(statement, row)[1] for row in rows])
    table = statement.table
    found = connection.execute(select(table).order_by(table.c.id))
    count = connection.exec_driver_sql("SELECT count(*) FROM statements").scalar_one()
    connection.exec_driver_sql("TRUNCATE statements")
    return [tuple(row) for row in found], int(count)


def _one_by_one(
    connection: Connection, statement: Insert, rows: Sequence[dict[str, object]]
) -> list[tuple[object, ...]]:
    """Return what the table holds after each of *rows* was written alone."""
    for row in rows:
        _run(connection, statement, [row])
    table = statement.table
    return [tuple(row) for row in connection.execute(select(table).order_by(table.c.id))]


def _compared(
    engine: Engine, statement: Insert, rows: Sequence[dict[str, object]], *ddl: str
) -> int:
    """Check that *rows* at once leave what they leave one by one; return the statements it took."""
    table = cast("Table", statement.table)
    with engine.connect() as connection:
        _create(connection, table, *ddl)
        at_once, statements = _run(connection, statement, rows)
        connection.rollback()
        _create(connection, table, *ddl)
        assert _one_by_one(connection, statement, rows) == at_once
    assert len(at_once) == len(rows)
    return statements


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (String(50), ["a", "", "\t\n\r\\.\\N", "ü€𝄞", None]),
        (Text(), ["a", "%s %(x)s {} '", None]),
        (SmallInteger(), [1, -32768, None]),
        (Integer(), [1, -(2**31), 2**31 - 1]),
        (BigInteger(), [1, -(2**63), 2**63 - 1]),
        (Boolean(), [True, False, None]),
        (Date(), [date(2026, 1, 2), date(1, 1, 1), date(9999, 12, 31)]),
        (UtcDateTime(), [NOON, ABROAD, datetime(1, 1, 1, tzinfo=UTC), None]),
        (DateTime(timezone=True), [NOON, ABROAD, None]),
        (Double(), [0.1, -1e300, float("inf"), None]),
        (Float(), [0.1, 1e16, None]),
        (Numeric(), [Decimal("1.10"), Decimal("-1E+20"), None]),
        (Numeric(10, 2), [Decimal("1.235"), Decimal("-0.005"), None]),
        (Uuid(), [UUID(int=7), None]),
        (JSON(), [{"deep": [1, None, "ü"]}, [], "text", None]),
        (JSONB(), [{"deep": [1, None, "ü"]}, 5, None]),
    ],
    ids=lambda value: f"{value!r}" if isinstance(value, TypeEngine) else "",
)
def test_many_rows_are_copied_and_leave_what_inserts_leave(
    engine: Engine, kind: TypeEngine[object], values: Sequence[object]
) -> None:
    """The quick way must be taken, and must be seen in nothing but the time it takes."""
    table = _table(Column('Value"X', kind))
    rows = [{'Value"X': values[n % len(values)]} for n in range(ENOUGH)]
    assert _compared(engine, insert(table), rows) == 1


@pytest.mark.parametrize(
    ("kind", "value", "ddl"),
    [
        (String(50), True, ""),
        (String(50), 1e16, ""),
        (String(50), UUID(int=7), ""),
        (String(50), Colour.RED, ""),
        (String(50), "trailing  ", 'ALTER TABLE {} ALTER "value" TYPE char(20)'),
        (Integer(), True, ""),
        (Integer(), 1.5, ""),
        (Integer(), Decimal("1.5"), ""),
        (Integer(), 7, 'ALTER TABLE {} ALTER "value" TYPE bigint'),
        (Integer(), 7, 'ALTER TABLE {} ALTER "value" TYPE numeric(5, 2)'),
        (Numeric(), 7, ""),
        (Numeric(10, 2), Decimal("1.235"), 'ALTER TABLE {} ALTER "value" TYPE numeric'),
        (Double(), 7, ""),
        (Date(), NOON, ""),
        (DateTime(timezone=True), NAIVE, ""),
        (DateTime(), ABROAD, ""),
        (DateTime(), NAIVE, ""),
        (DateTime(timezone=True), ABROAD, 'ALTER TABLE {} ALTER "value" TYPE timestamp'),
        (postgresql.ARRAY(Integer), [1, 2], ""),
        (postgresql.INET(), "10.0.0.1", ""),
        (Integer(), 7, "ALTER TABLE {} ENABLE ROW LEVEL SECURITY"),
        (Integer(), 7, "CREATE RULE r AS ON INSERT TO {} DO ALSO SELECT 1"),
    ],
    ids=str,
)
def test_rows_that_copy_would_write_otherwise_are_inserted(
    engine: Engine, kind: TypeEngine[object], value: object, ddl: str
) -> None:
    """INSERT casts what COPY takes at its word, so where a cast may happen nothing is copied."""
    table = _table(Column("value", kind))
    assert (
        _compared(engine, insert(table), [{"value": value}] * ENOUGH, *filter(None, [ddl]))
        == ENOUGH
    )


def test_one_odd_value_among_many_is_enough_not_to_copy(engine: Engine) -> None:
    """Every value is looked at, not the first one only."""
    table = _table(Column("value", String(50)))
    rows: list[dict[str, object]] = [{"value": "x"}] * ENOUGH
    assert _compared(engine, insert(table), [*rows, {"value": True}]) == ENOUGH + 1


def test_an_insert_that_computes_is_not_copied(engine: Engine) -> None:
    """Only the values themselves can be copied."""
    table = _table(Column("value", String(50)))
    shouted = insert(table).values(value=func.upper(bindparam("word")))
    assert _compared(engine, shouted, [{"word": "x"}] * ENOUGH) == ENOUGH


def test_an_insert_that_settles_conflicts_keeps_its_order(engine: Engine) -> None:
    """The same key twice in one run: the later row wins, as it does one by one."""
    table = _table(Column("value", String(50)), Column("key", Integer, unique=True))
    add = postgresql.insert(table)
    add = add.on_conflict_do_update(index_elements=["key"], set_={"value": add.excluded.value})
    rows = [{"key": n % 3, "value": f"{n}"} for n in range(ENOUGH)]
    with engine.connect() as connection:
        _create(connection, table)
        found, _ = _run(connection, add, rows)
    assert {row[1] for row in found} == {f"{ENOUGH - n}" for n in (3, 2, 1)}


def test_numbers_are_given_in_the_order_of_the_rows(engine: Engine) -> None:
    """A user's number tells when it was created, however large the batch."""
    table = _table(Column("value", Integer))
    with engine.connect() as connection:
        _create(connection, table)
        found, statements = _run(connection, insert(table), [{"value": n} for n in range(1_000)])
    assert found == [(n + 1, n) for n in range(1_000)]
    assert statements == 1


def test_a_number_that_the_database_always_gives_cannot_be_chosen_in_bulk(engine: Engine) -> None:
    """INSERT refuses it; COPY would not."""
    table = _table(Column("value", Integer, Identity(always=True)))
    plans = Plans(engine.dialect)
    plan, row = plans.find(insert(table), {"value": 5})
    with engine.connect() as connection:
        _create(connection, table)
        with pytest.raises(psycopg.errors.GeneratedAlways):
            plan.run(connection, [row] * ENOUGH)


def test_a_table_that_changed_its_shape_meanwhile_is_looked_at_again(engine: Engine) -> None:
    """One failure, which the worker tries again one by one; then it goes on in bulk or not."""
    table = _table(Column("value", Integer))
    plans = Plans(engine.dialect)
    plan, row = plans.find(insert(table), {"value": 5})
    with engine.begin() as connection:
        _create(connection, table)
        plan.run(connection, [row] * ENOUGH)
    with engine.begin() as connection:
        sql = 'ALTER TABLE "Odd %s name" ALTER value TYPE bigint'
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    with engine.connect() as connection, pytest.raises(psycopg.Error):
        plan.run(connection, [row] * ENOUGH)
    with engine.begin() as connection:
        plan.run(connection, [row] * ENOUGH)
        count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    assert count == 2 * ENOUGH


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@pytest.fixture
def texts(engine: Engine) -> Iterator[tuple[Connection, Table]]:
    """Give a connection and a table of texts."""
    table = _table(Column("value", Text))
    with engine.connect() as connection:
        _create(connection, table)
        yield connection, table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(_texts, min_size=ENOUGH, max_size=ENOUGH + 20))
def test_any_text_arrives_as_it_was(texts: tuple[Connection, Table], values: Sequence[str]) -> None:
    """No character of a name is taken for a mark of the copying."""
    connection, table = texts
    found, statements = _run(connection, insert(table), [{"value": value} for value in values])
    assert [row[1] for row in found[-len(values) :]] == values
    assert statements == 1
