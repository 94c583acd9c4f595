"""What handlers reach in SQLAlchemy counts by the SQL it stands for."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    ARRAY,
    Column,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
)
from sqlalchemy.types import NullType

from backstory.projections.fingerprint import fingerprint_of


def handler_of(reached: object) -> Callable[[], object]:
    """Return a function that works with *reached*."""
    return lambda: reached


def test_a_table_that_a_handler_works_with_counts_by_its_columns() -> None:
    """Two tables made alike are one; another column is another table."""
    columns = Column("id", Integer), Column("id", Integer), Column("id", String)
    tables = [Table("member", MetaData(), column) for column in columns]
    prints = [fingerprint_of("members", [], {"Joined": handler_of(table)}) for table in tables]
    assert prints[0] == prints[1] != prints[2]


def test_a_statement_counts_by_its_text_and_what_is_bound_in_it() -> None:
    """Also in a closure; an object that happens to be bound counts by its class."""
    table = Table("member", MetaData(), Column("id", Integer))

    def printed(*statements: Executable) -> list[str]:
        return [fingerprint_of("members", [], {"Joined": handler_of(each)}) for each in statements]

    assert len(set(printed(insert(table), select(table), select(table).limit(1)))) == 3
    one, same, other = (select(table).where(table.c.id == number) for number in (1, 1, 2))
    assert len(set(printed(one, same))) == 1
    assert len(set(printed(one, other))) == 2
    bound = [select(bindparam("x", object(), type_=NullType())) for _ in range(2)]
    assert len(set(printed(*bound))) == 1


def test_a_type_that_only_some_databases_know_counts_with_its_details() -> None:
    """General SQL calls every array by the same name."""

    def printed(kind: type[Integer | String]) -> str:
        table = Table("member", MetaData(), Column("ids", ARRAY(kind)))
        return fingerprint_of("members", [table], {})

    assert printed(Integer) == printed(Integer) != printed(String)
