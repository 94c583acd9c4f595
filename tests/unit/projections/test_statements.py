from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Executable,
    Integer,
    MetaData,
    Numeric,
    StaticPool,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    func,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateSchema

from backstory.projections.batch import Run
from backstory.projections.columns import UtcDateTime
from backstory.projections.postgres.database import PostgresDatabase
from backstory.projections.statements import DriverPlan, OrdinaryPlan, Plans
from tests.unit.projections.members import DATABASES

WHEN = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

metadata = MetaData()
thing = Table(
    "thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), unique=True),
    Column("createdAt", UtcDateTime),
    Column("done", Boolean),
    Column("price", Numeric(10, 2)),
    Column("extra", JSON),
)
counted = Table(
    "counted",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("seen", Integer, default=7),
    Column("odd name(s)", Integer),
)

by_name = thing.c.name == bindparam("who")
Case = tuple[Executable, Mapping[str, object]]

PLAIN: list[Case] = [
    (insert(thing), {"name": "a", "createdAt": WHEN, "done": True}),
    (insert(thing), {"name": "b", "extra": {"deep": [1, None]}, "price": 3}),
    (insert(thing).values(name="c", createdAt=WHEN), {}),
    (insert(thing).values(name="d"), {"done": False}),
    (update(thing).where(by_name).values(done=True), {"who": "seed"}),
    (update(thing).where(by_name), {"who": "seed", "done": True}),
    (update(thing).where(thing.c.name == "seed").values(createdAt=WHEN), {}),
    (update(thing).where(thing.c.done.is_(None)).values(price=thing.c.price + 1), {}),
    (update(thing).where(thing.c.createdAt < WHEN).values(name=func.upper(thing.c.name)), {}),
    (delete(thing).where(by_name), {"who": "seed"}),
    (delete(thing).where(thing.c.name == None), {}),  # noqa: E711 - how SQLAlchemy spells IS NULL
    (insert(thing).from_select(["name"], select(thing.c.name + "2")), {}),
]
CONFLICTS: dict[str, list[Case]] = {
    name: [
        (
            dialect.insert(thing).on_conflict_do_update(
                index_elements=[thing.c.name], set_={"done": True}
            ),
            {"name": "seed"},
        ),
        (dialect.insert(thing).on_conflict_do_nothing(), {"name": "seed"}),
    ]
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
ORDINARY: list[Case] = [
    (insert(counted), {"name": "default"}),
    (insert(counted), {"name": "odd", "odd name(s)": 1}),
    (delete(thing).where(thing.c.name.in_(["seed", "x"])), {}),
    (
        delete(thing).where(thing.c.name.in_(bindparam("names", expanding=True))),
        {"names": ["seed"]},
    ),
    (insert(thing).values([{"name": "m1"}, {"name": "m2"}]), {}),
    (insert(thing).returning(thing.c.id), {"name": "returned"}),
    (text("UPDATE thing SET done = :done"), {"done": True}),
    (text("DELETE FROM thing"), {}),
]


def _sql(case: Case) -> str:
    """Return the text of the statement, which is the same in every process."""
    return " ".join(f"{case[0]} {sorted(case[1])}".split())


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return a database with one row."""
    if request.param == "sqlite":
        made = create_engine("sqlite://", poolclass=StaticPool)
    else:
        made = PostgresDatabase(make_url(request.getfixturevalue("postgres_url")), "odd %").engine
        with made.begin() as connection:
            connection.execute(CreateSchema("odd %"))
    metadata.create_all(made)
    with made.begin() as connection:
        early = WHEN - timedelta(days=1)
        connection.execute(insert(thing), {"name": "seed", "price": 1, "createdAt": early})
    yield made
    made.dispose()


def _contents(connection: Connection) -> list[tuple[object, ...]]:
    rows = [*connection.execute(select(thing)), *connection.execute(select(counted))]
    return [tuple(row) for row in rows]


def _after(engine: Engine, case: Case, *, through_plans: bool) -> list[tuple[object, ...]]:
    statement, parameters = case
    with engine.connect() as connection:
        if through_plans:
            plan, row = Plans(engine.dialect).find(statement, parameters)
            plan.run(connection, [row])
        else:
            connection.execute(statement, dict(parameters))
        found = _contents(connection)
        connection.rollback()
    # Without the numbers of things: PostgreSQL goes on counting after a rollback.
    return [row[1:] if len(row) > len(counted.c) else row for row in found]


@pytest.mark.parametrize("case", [*PLAIN, *ORDINARY], ids=_sql)
def test_a_statement_does_what_sqlalchemy_makes_it_do(engine: Engine, case: Case) -> None:
    """Whatever way a statement is run, the tables are the same afterwards, types included."""
    expected = _after(engine, case, through_plans=False)
    assert _after(engine, case, through_plans=True) == expected


@pytest.mark.parametrize("case", PLAIN, ids=_sql)
def test_a_plain_statement_is_run_by_the_driver(engine: Engine, case: Case) -> None:
    """The quick way is taken where it is meant to be, or the speed is gone without a sign."""
    plan, _ = Plans(engine.dialect).find(*case)
    assert isinstance(plan, DriverPlan)


@pytest.mark.parametrize("which", [0, 1], ids=["update", "nothing"])
def test_an_insert_that_settles_conflicts_is_run_by_the_driver(engine: Engine, which: int) -> None:
    """Each database has its own word for it, and the same effect."""
    case = CONFLICTS[engine.dialect.name][which]
    plan, _ = Plans(engine.dialect).find(*case)
    assert isinstance(plan, DriverPlan)
    assert _after(engine, case, through_plans=True) == _after(engine, case, through_plans=False)


@pytest.mark.parametrize("case", ORDINARY, ids=_sql)
def test_what_is_not_plain_is_left_to_sqlalchemy(engine: Engine, case: Case) -> None:
    """Defaults, expanding lists and odd names need work that only SQLAlchemy does."""
    plan, _ = Plans(engine.dialect).find(*case)
    assert isinstance(plan, OrdinaryPlan)


def test_statements_that_mean_the_same_share_a_plan(engine: Engine) -> None:
    """A handler may build its statement anew for each event and still be run in one go."""
    plans = Plans(engine.dialect)

    def plan(name: str) -> object:
        return plans.find(update(thing).where(thing.c.name == name).values(done=True), {})[0]

    assert plan("a") is plan("b")
    assert (
        plans.find(insert(thing), {"name": "a"})[0] is plans.find(insert(thing), {"name": "b"})[0]
    )


def test_statements_that_differ_have_plans_of_their_own(engine: Engine) -> None:
    """Joining different statements, or different columns, would lose writes."""
    plans = Plans(engine.dialect)
    cases: list[Case] = [
        (insert(thing), {"name": "a"}),
        (insert(thing), {"name": "a", "done": True}),
        (insert(counted), {"name": "a", "seen": 1}),
        (delete(thing).where(by_name), {"who": "a"}),
        (delete(thing).where(thing.c.id == bindparam("who")), {"who": "a"}),
        (delete(thing).where(thing.c.name.in_(["a"])), {}),
        (delete(thing).where(thing.c.name.in_(["b"])), {}),
    ]
    found = [plans.find(*case)[0] for case in cases]
    assert len({id(plan) for plan in found}) == len(cases)


def test_values_inside_equal_statements_are_each_their_own(engine: Engine) -> None:
    """The plan of the first statement is never run with the first one's values again."""
    plans = Plans(engine.dialect)
    with engine.connect() as connection:
        for name in ("x", "y", "z"):
            plan, row = plans.find(insert(thing).values(name=name), {})
            plan.run(connection, [row])
        assert [row[1] for row in _contents(connection)] == ["seed", "x", "y", "z"]


@pytest.mark.parametrize("case", [PLAIN[0], ORDINARY[0], (text("SELECT 1"), {})], ids=_sql)
def test_many_rows_run_as_one_write_each_of_them(engine: Engine, case: Case) -> None:
    """Joined rows all arrive, in order, by either way."""
    statement, given = case
    plan, _ = Plans(engine.dialect).find(statement, given)
    rows = [
        Plans(engine.dialect).find(statement, {**given, "name": f"n{n}"} if given else {})[1]
        for n in range(5)
    ]
    with engine.connect() as connection:
        plan.run(connection, rows)
        names = [row[1] if len(row) > 3 else row[0] for row in _contents(connection)]
    assert names == ["seed", *(f"n{n}" for n in range(5) if given)]


def test_rows_of_other_columns_are_not_joined(engine: Engine) -> None:
    """One constant statement may be given now these columns, now those."""
    statement = insert(thing)
    with engine.connect() as connection:
        run = Run(connection, Plans(engine.dialect))
        run.add((statement, {"name": "a"}))
        run.add((statement, {"name": "b", "done": True}))
        run.add((statement, {"name": "c", "price": 1}))
        run.add((statement, {"price": 2, "name": "d"}))
        run.flush()
        found = [row[1:5] for row in _contents(connection)[1:]]
    assert found == [
        ("a", None, None, None),
        ("b", None, True, None),
        ("c", None, None, 1),
        ("d", None, None, 2),
    ]


def test_a_row_is_taken_when_it_is_yielded(engine: Engine) -> None:
    """A handler may change its dictionary and yield it again."""
    parameters = {"name": ""}
    statement = insert(thing)
    with engine.connect() as connection:
        run = Run(connection, Plans(engine.dialect))
        for name in ("a", "b", "c"):
            parameters["name"] = name
            run.add((statement, parameters))
        run.flush()
        assert [row[1] for row in _contents(connection)] == ["seed", "a", "b", "c"]


def test_the_number_of_plans_remembered_is_bounded(engine: Engine) -> None:
    """A handler that writes SQL of endless variety costs time, never endless memory."""
    plans = Plans(engine.dialect)
    first = plans.find(insert(thing), {"name": "a"})[0]
    for n in range(600):
        plans.find(delete(thing).where(thing.c.id == func.abs(text(str(n)))), {})
    assert plans.find(insert(thing), {"name": "a"})[0] is not first


def test_a_missing_parameter_is_an_error(engine: Engine) -> None:
    """A forgotten value is not written as NULL."""
    with pytest.raises(Exception, match="who"):
        Plans(engine.dialect).find(delete(thing).where(by_name), {})


def test_a_moment_is_a_timestamp_with_time_zone_where_the_database_has_one() -> None:
    """SQLite alone keeps text; elsewhere the database compares and converts moments itself."""
    dialect: Dialect = PGDialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
    assert UtcDateTime().compile(dialect) == "TIMESTAMP WITH TIME ZONE"
    into = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)
    out = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
    assert into is not None
    assert out is not None
    abroad = WHEN.astimezone(timezone(timedelta(hours=2)))
    assert (into(abroad), into(None)) == (WHEN, None)
    assert (repr(out(abroad)), out(None)) == (repr(WHEN), None)


async def test_a_moment_is_the_same_moment_on_its_way_back(engine: Engine) -> None:
    """Any zone goes in, UTC comes out, to the microsecond, and text order is time order."""
    other = timezone(timedelta(hours=-7))
    moments = [
        WHEN,
        WHEN.astimezone(other) + timedelta(microseconds=1),
        datetime(1, 1, 1, tzinfo=UTC),
    ]
    with engine.begin() as connection:
        for n, moment in enumerate(moments):
            connection.execute(insert(counted), {"name": str(n)})
            connection.execute(insert(thing), {"name": str(n), "createdAt": moment})
        stored = select(thing.c.createdAt).where(thing.c.name != "seed").order_by(thing.c.createdAt)
        found = [row[0] for row in connection.execute(stored)]
    assert found == sorted(moments)
    assert {moment.tzinfo for moment in found} == {UTC}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_moment_is_text_that_people_can_read_on_sqlite(engine: Engine) -> None:
    """Whoever opens the file with another tool sees what is meant."""
    with engine.begin() as connection:
        connection.execute(insert(thing), {"name": "0", "createdAt": WHEN})
        raw = connection.exec_driver_sql("SELECT createdAt FROM thing WHERE name = '0'").scalar()
    assert raw == "2026-01-02T03:04:05.000006Z"


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    """A naive time names no moment; storing it as UTC would be a guess."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    plan, row = Plans(engine.dialect).find(insert(thing), {"createdAt": naive})
    with engine.connect() as connection, pytest.raises(ValueError, match="no time zone"):
        plan.run(connection, [row])
