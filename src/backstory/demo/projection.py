"""The table `user`, kept in step with the events, and the questions it answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
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
    delete,
    insert,
    select,
    update,
)

from backstory import Lookup, Projection, RecordedEvent, UtcDateTime
from backstory.demo.events import UserCreated, UserDeleted, UserRenamed
from backstory.demo.names import MAX_LENGTH
from backstory.demo.times import moment_of

metadata: Final = MetaData()

# 64 bits everywhere; SQLite has that for a key only when it is called INTEGER.
_number: Final = BigInteger().with_variant(Integer, "sqlite")

user_table: Final = Table(
    "user",
    metadata,
    Column("id", _number, primary_key=True),
    Column("username", String(MAX_LENGTH), nullable=False, unique=True),
    Column("createdAt", UtcDateTime, nullable=False),
    Column("fullName", String(MAX_LENGTH), nullable=False),
    sqlite_autoincrement=True,  # the number of a deleted user is never given again
)
"""Exactly the table of the normal approach."""

revision_table: Final = Table(
    "user_revision",
    metadata,
    Column("username", String(MAX_LENGTH), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The revision of its stream that each row of `user` shows: what an ETag is made of."""

_user, _revision = user_table.c, revision_table.c
_add_user: Final = insert(user_table)
_add_revision: Final = insert(revision_table)
_rename_user: Final = (
    update(user_table)
    .where(_user.username == bindparam("of_user"))
    .values(fullName=bindparam("new_name"))
)
_move_revision: Final = (
    update(revision_table)
    .where(_revision.username == bindparam("of_user"))
    .values(revision=bindparam("new_revision"))
)
_delete_user: Final = delete(user_table).where(_user.username == bindparam("of_user"))
_delete_revision: Final = delete(revision_table).where(_revision.username == bindparam("of_user"))

find_user: Final = Lookup(
    select(_user.id, _user.username, _user.createdAt, _user.fullName, _revision.revision).join(
        revision_table, _revision.username == _user.username
    ),
    key=_user.username,
)
"""Who is this user, and which revision of it does the row show?"""

list_users: Final = (
    select(_user.id, _user.username, _user.createdAt, _user.fullName)
    .where(_user.id > bindparam("after"))
    .order_by(_user.id)
    .limit(bindparam("most"))
)
"""Which users come after this number?"""

user_projection: Final = Projection("users", tables=[user_table, revision_table])

Write: TypeAlias = tuple[Executable, dict[str, object]]


@user_projection.on(UserCreated)
def created(event: UserCreated, recorded: RecordedEvent) -> Iterator[Write]:
    """Add the row; the database numbers rows in the order of the events."""
    opened_at: datetime = moment_of(event.openedAt)
    name = event.username
    yield _add_user, {"username": name, "createdAt": opened_at, "fullName": event.fullName}
    yield _add_revision, {"username": name, "revision": recorded.revision}


@user_projection.on(UserRenamed)
def renamed(event: UserRenamed, recorded: RecordedEvent) -> Iterator[Write]:
    """Change the row."""
    name = username_of(recorded)
    yield _rename_user, {"of_user": name, "new_name": event.fullName}
    yield _move_revision, {"of_user": name, "new_revision": recorded.revision}


@user_projection.on(UserDeleted)
def deleted(_event: UserDeleted, recorded: RecordedEvent) -> Iterator[Write]:
    """Remove the row."""
    name = username_of(recorded)
    yield _delete_user, {"of_user": name}
    yield _delete_revision, {"of_user": name}


def username_of(recorded: RecordedEvent) -> str:
    """Return whose stream the event stands in."""
    return recorded.stream.partition("-")[2]
