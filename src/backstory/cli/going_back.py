"""All read models as of a moment, for a command."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import Table, text
from sqlalchemy.engine import URL

from backstory.application import Application
from backstory.cli.application import opened_read_model
from backstory.cli.as_of_shown import say_stands, write_counts, write_rows, write_stands
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.located_shown import say_moment
from backstory.cli.past import Past, opened_past
from backstory.cli.replaying import replaying
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.projections.read_model import ReadModel
from backstory.projections.sqlite import SqliteDatabase
from backstory.timemachine.asof import AsOf, as_of
from backstory.timemachine.looking import count_rows, query_rows, table_rows
from backstory.timemachine.sources import without_password


class GoingBack(msgspec.Struct, frozen=True, kw_only=True):
    """What `as-of` was asked to do; see its options."""

    application: Application
    into: str | None
    schema: str
    tables: Sequence[str]
    sql: str | None
    limit: int
    redeliver: bool
    unfenced: bool
    json: bool

    async def work(
        self, source: str, at: str | None, *, snapshots: str | None, behind: Sequence[str] | None
    ) -> int:
        """Rebuild and show, and return the exit code."""
        wanted = [table_named(self.application, name) for name in self.tables]
        past_of = opened_past(source, at, snapshots=snapshots, behind=behind, around=2)
        async with past_of as past, self._target() as model:
            say_moment(past.located)
            done = await self._rebuilt(past, model)
            say_stands(done)
            await self._show(done, wanted, model)
        if self.into is not None:
            say(f"kept in {without_password(self.into)}")
        failed = any(stand.failure for stand in done.stands)
        return ExitCode.FOUND if failed else ExitCode.DONE

    async def _rebuilt(self, past: Past, model: ReadModel) -> AsOf:
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(past.position) as tell,
        ):
            return await as_of(
                self.application,
                past.history,
                model,
                # What was delivered twice is in no snapshot.
                snapshots=None if self.redeliver else past.snapshots,
                behind=past.behind,
                replay=replay,
                tell=tell,
            )

    async def _show(self, done: AsOf, wanted: Sequence[Table], model: ReadModel) -> None:
        for table in wanted:
            rows = await model.ask(partial(table_rows, table=table, most=self.limit))
            write_rows(str(table.name), rows, json=self.json)
        if self.sql is not None:
            query = text(self.sql)
            rows = await model.ask(lambda connection: query_rows(connection, query, self.limit))
            write_rows(None, rows, json=self.json)
        if not wanted and self.sql is None:
            tables = [table for one in self.application.projections for table in one.tables]
            counts = await model.ask(lambda connection: count_rows(connection, tables))
            write_stands(done, json=self.json)
            write_counts(counts, json=self.json)

    @asynccontextmanager
    async def _target(self) -> AsyncIterator[ReadModel]:
        if self.into is not None:
            async with opened_read_model(self.into, self.schema) as model:
                await self._refuse_to_mix(model)
                yield model
            return
        with TemporaryDirectory(prefix="backstory-") as directory:
            url = URL.create("sqlite", database=str(Path(directory, "read-models.db")))
            model = await ReadModel.on(SqliteDatabase(url, alone=True))
            try:
                yield model
            finally:
                await model.close()

    async def _refuse_to_mix(self, model: ReadModel) -> None:
        place = without_password(self.into or "")
        for projection in self.application.projections:
            position = await model.prepare(projection)
            if position:
                message = (
                    f"{place} holds rows of {projection.name!r} already, up to position "
                    f"{position}. Nothing was changed; give another file, database or --schema."
                )
                raise InvalidSetting(message)


def table_named(application: Application, name: str) -> Table:
    """Return the table of *application* that is called *name*; raises `InvalidSetting`."""
    known = {str(table.name): table for one in application.projections for table in one.tables}
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "it has no tables"
    message = f"application {application.name!r} has no table {name!r}; {hint}"
    raise InvalidSetting(message)
