"""The tutorial's table, and its one INSERT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from sqlalchemy import (
    BigInteger,
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

from backstory import Projection, RecordedEvent, UtcDateTime
from backstory.demo.events import UserCreated
from backstory.demo.names import MAX_LENGTH
from backstory.demo.times import moment_of

user_table: Final = Table(
    "user",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("username", String(MAX_LENGTH), nullable=False),  # the first bug: it is not unique
    Column("createdAt", UtcDateTime, nullable=False),
    Column("fullName", String(MAX_LENGTH), nullable=False),
)

_user: Final = user_table.c
_add_user: Final = insert(user_table)
find_user: Final = (
    select(_user.id, _user.username, _user.createdAt, _user.fullName)
    .where(_user.username == bindparam("of_user"))
    .order_by(_user.id)
    .limit(1)
)
"""Who is this user? The first of the rows, if there are several."""

list_users: Final = (
    select(_user.id, _user.username, _user.createdAt, _user.fullName)
    .where(_user.id > bindparam("after"))
    .order_by(_user.id)
    .limit(bindparam("most"))
)
"""Which users come after this number?"""

user_projection: Final = Projection("users", tables=[user_table])

Write: TypeAlias = tuple[Executable, dict[str, object]]


@user_projection.on(UserCreated)
def created(event: UserCreated, _recorded: RecordedEvent) -> Iterator[Write]:
    """Add a row, whether or not one is there."""
    yield (
        _add_user,
        {
            "username": event.username,
            "createdAt": moment_of(event.openedAt),
            "fullName": event.fullName,
        },
    )
