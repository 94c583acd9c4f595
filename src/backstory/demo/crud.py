"""The normal approach: one table, rows changed in place, no events.

Run it beside the other:

    python -m backstory.demo.crud --port 5001
    python -m backstory.demo.crud --port 5001 --read-model postgresql://… --schema crud

Same routes, same answers, same checks. What it cannot do is say what was: `/history` and `?as_of=`
answer 404. Each write is one transaction that is on the disk before it is answered.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, NoReturn, TypeAlias, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, Executable, Row, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from backstory import Clock, system_clock
from backstory.demo.command import main
from backstory.demo.crud_table import (
    add_user,
    delete_user,
    find_to_change,
    find_user,
    list_users,
    open_table,
    rename_user,
)
from backstory.demo.decider import NoSuchUser, UserExists
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
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_CONNECTIONS: Final = 8


class CrudUsers:
    """The user service on one table; see `Users`."""

    def __init__(self, engine: Engine, *, clock: Clock = system_clock) -> None:
        """Take over *engine*. SQLite writes one at a time, and is quick enough to read at once."""
        self._engine = engine
        self._clock = clock
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        alone = engine.dialect.name == "sqlite"
        self._reading = self._reads.connect() if alone else None
        self._threads = ThreadPoolExecutor(1 if alone else _CONNECTIONS, "crud")

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)

    async def _read(self, statement: Executable, values: Mapping[str, object]) -> Sequence[AnyRow]:
        def ask() -> Sequence[AnyRow]:
            with self._reads.connect() as connection:
                return connection.execute(statement, dict(values)).all()

        if self._reading is not None:
            return self._reading.execute(statement, dict(values)).all()
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def create(self, username: str, full_name: str, *, key: UUID | None) -> Written:  # noqa: ARG002 - nothing here could know it again
        """Insert the row; see `Users.create`."""
        row = {"username": username, "fullName": full_name, "createdAt": self._clock()}
        try:
            await self._write(
                lambda connection: connection.execute(add_user, {**row, "revision": 0})
            )
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
            connection.execute(rename_user, {"of_user": username, **new})
            return found.revision + 1

        return Written(username, full_name, await self._write(work), None)

    async def delete(self, username: str, *, matches: int | None) -> Written:
        """Delete the row; see `Users.delete`."""

        def work(connection: Connection) -> int:
            found = _current(connection, username, matches)
            connection.execute(delete_user, {"of_user": username})
            return found.revision

        return Written(username, "", await self._write(work), None)

    async def find(self, username: str) -> Found | None:
        """Select the row; see `Users.find`."""
        rows = await self._read(find_user, {"of_user": username})
        return _found(*rows[0]) if rows else None

    async def page(self, *, after: int, limit: int) -> Sequence[UserView]:
        """Select the rows; see `Users.page`."""
        rows = await self._read(list_users, {"after": after, "most": limit})
        return [_found(*row).view for row in rows]

    async def find_as_of(self, username: str, moment: int | datetime) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Raise `NoHistory`."""
        raise NoHistory

    async def page_as_of(self, moment: int | datetime, *, after: int, limit: int) -> NoReturn:  # noqa: ARG002 - the protocol's
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
            await self._read(select(1), {})
        except SQLAlchemyError as error:
            return Health(str(getattr(error, "orig", None) or error), None, {})
        return Health(None, None, {})

    async def close(self) -> None:
        """Finish the writes and close the database."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._reading is not None:
            self._reading.close()
        self._engine.dispose()


def _current(connection: Connection, username: str, matches: int | None) -> Found:
    row = connection.execute(find_to_change, {"of_user": username}).first()
    if row is None:
        raise NoSuchUser
    found = _found(*row)
    if matches is not None and matches != found.revision:
        raise PreconditionFailed
    return found


def _found(
    number: int, username: str, created_at: datetime, full_name: str, revision: int
) -> Found:
    return Found(UserView(number, username, written(created_at), full_name), revision)


async def open_crud(settings: DemoSettings) -> Opened:
    """Return the users in the table that *settings* name: `read_model`, or DATA/crud.db."""
    url = settings.read_model or settings.file_url("crud.db")
    engine = await asyncio.to_thread(open_table, url, settings.schema, connections=_CONNECTIONS)
    return Opened(CrudUsers(engine), {"table": url})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m backstory.demo.crud", opening=open_crud))
