"""The normal approach: one table, rows changed in place, no events.

Run it beside the other:

    python -m backstory.demo.crud --port 5001

Same routes, same answers, same checks. What it cannot do is say what was: `/history` and `?as_of=`
answer 404. Each write is one transaction that is on the disk before it is answered.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, NoReturn, TypeVar
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from backstory import Clock, UtcDateTime, system_clock
from backstory.demo.command import main
from backstory.demo.decider import NoSuchUser, UserExists
from backstory.demo.names import MAX_LENGTH
from backstory.demo.run import Opened
from backstory.demo.settings import DemoSettings
from backstory.demo.times import written
from backstory.demo.users import (
    Entry,
    Found,
    Health,
    NoHistory,
    PreconditionFailed,
    UserView,
    Written,
)

T = TypeVar("T")

user_table: Final = Table(
    "user",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("username", String(MAX_LENGTH), nullable=False, unique=True),
    Column("createdAt", UtcDateTime, nullable=False),
    Column("fullName", String(MAX_LENGTH), nullable=False),
    Column("revision", Integer, nullable=False),
    sqlite_autoincrement=True,
)
_user: Final = user_table.c
_add: Final = insert(user_table)
_find: Final = select(user_table).where(_user.username == bindparam("of_user"))
_list: Final = (
    select(user_table)
    .where(_user.id > bindparam("after"))
    .order_by(_user.id)
    .limit(bindparam("most"))
)
_rename: Final = (
    update(user_table)
    .where(_user.username == bindparam("of_user"))
    .values(fullName=bindparam("new_name"), revision=bindparam("new_revision"))
)
_delete: Final = delete(user_table).where(_user.username == bindparam("of_user"))


class CrudUsers:
    """The user service on one table; see `Users`."""

    def __init__(self, engine: Engine, *, clock: Clock = system_clock) -> None:
        """Take over *engine*. Reads are done at once, writes in a thread, one after the other."""
        self._engine = engine
        self._reading = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "crud")
        user_table.metadata.create_all(engine)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writer, transaction)

    async def create(self, username: str, full_name: str, *, key: UUID | None) -> Written:  # noqa: ARG002 - nothing here could know it again
        """Insert the row; see `Users.create`."""
        row = {"username": username, "fullName": full_name, "createdAt": self._clock()}
        try:
            await self._write(lambda connection: connection.execute(_add, {**row, "revision": 0}))
        except IntegrityError as error:
            raise UserExists from error
        return Written(username, full_name, 0, None)

    async def rename(self, username: str, full_name: str, *, matches: int | None) -> Written:
        """Update the row; see `Users.rename`."""

        def work(connection: Connection) -> int:
            found = _current(connection, username, matches)
            if found.view.fullName == full_name:
                return found.revision
            new = {"new_name": full_name, "new_revision": found.revision + 1}
            connection.execute(_rename, {"of_user": username, **new})
            return found.revision + 1

        return Written(username, full_name, await self._write(work), None)

    async def delete(self, username: str, *, matches: int | None) -> Written:
        """Delete the row; see `Users.delete`."""

        def work(connection: Connection) -> int:
            found = _current(connection, username, matches)
            connection.execute(_delete, {"of_user": username})
            return found.revision

        return Written(username, "", await self._write(work), None)

    async def find(self, username: str) -> Found | None:
        """Select the row; see `Users.find`."""
        return _row(self._reading, username)

    async def page(self, *, after: int, limit: int) -> Sequence[UserView]:
        """Select the rows; see `Users.page`."""
        rows = self._reading.execute(_list, {"after": after, "most": limit})
        return [_found(*row).view for row in rows]

    async def find_as_of(self, username: str, moment: int | datetime) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Raise `NoHistory`."""
        raise NoHistory

    async def history(self, username: str, *, after: int, limit: int) -> Sequence[Entry]:  # noqa: ARG002 - the protocol's
        """Raise `NoHistory`."""
        raise NoHistory

    async def wait_for(self, position: int) -> None:
        """Return at once: what is written is there."""

    async def health(self) -> Health:
        """Ask the database; see `Users.health`."""
        try:
            self._reading.execute(select(1))
        except SQLAlchemyError as error:
            return Health(str(error), None, {})
        return Health(None, None, {})

    async def close(self) -> None:
        """Finish the writes and close the database."""
        await asyncio.to_thread(self._writer.shutdown)
        self._reading.close()
        self._engine.dispose()


def _current(connection: Connection, username: str, matches: int | None) -> Found:
    found = _row(connection, username)
    if found is None:
        raise NoSuchUser
    if matches is not None and matches != found.revision:
        raise PreconditionFailed
    return found


def _row(connection: Connection, username: str) -> Found | None:
    row = connection.execute(_find, {"of_user": username}).first()
    return None if row is None else _found(*row)


def _found(
    number: int, username: str, created_at: datetime, full_name: str, revision: int
) -> Found:
    return Found(UserView(number, username, written(created_at), full_name), revision)


def _make_durable(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


async def open_crud(settings: DemoSettings) -> Opened:
    """Return the users in the table that *settings* name: `read_model`, or DATA/crud.db."""
    url = settings.read_model or settings.file_url("crud.db")
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_durable)
    return Opened(CrudUsers(engine), {"table": url})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m backstory.demo.crud", opening=open_crud))
