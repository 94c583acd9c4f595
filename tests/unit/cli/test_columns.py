"""Columns and values, as they are named on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
)

from backstory.cli.columns import named_values
from backstory.core.errors import InvalidSetting
from backstory.projections.columns import UtcDateTime

TABLE = Table(
    "thing",
    MetaData(),
    Column("name", String),
    Column("number", Integer),
    Column("share", Float),
    Column("sum", Numeric(10, 2)),
    Column("open", Boolean),
    Column("at", UtcDateTime),
    Column("day", Date),
    Column("ref", Uuid),
    Column("photo", LargeBinary),
    Column("more", JSON),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("name=null", None),
        ("number=-7", -7),
        ("share=0.5", 0.5),
        ("sum=1.10", Decimal("1.1")),
        ("open=true", True),
        ("at=2026-01-02 03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("day=2026-01-02", date(2026, 1, 2)),
        ("ref=00000000-0000-0000-0000-000000000001", UUID(int=1)),
        ("photo=00ff", b"\x00\xff"),
        ('more={"x": [1]}', {"x": [1]}),
        ("rowid=3", 3),
    ],
)
def test_a_value_has_the_type_of_its_column(text: str, value: object) -> None:
    """As SQLAlchemy gives it."""
    assert list(named_values(TABLE, [text]).values()) == [value]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number", "a row is named by COLUMN=VALUE"),
        ("nummer=1", "has no column 'nummer'; did you mean 'number'?"),
        ("number=x", "column 'number' of table 'thing' holds no 'x'"),
        ("sum=x", "column 'sum' of table 'thing' holds no 'x'"),
        ("at=yesterday", "column 'at' of table 'thing' holds no 'yesterday'"),
        ("open=perhaps", "column 'open' of table 'thing' holds no 'perhaps'"),
        ("more={", "column 'more' of table 'thing' holds no '{'"),
    ],
)
def test_what_cannot_be_is_refused(text: str, words: str) -> None:
    """With what was meant."""
    with pytest.raises(InvalidSetting) as refused:
        named_values(TABLE, [text])
    assert words in str(refused.value)
