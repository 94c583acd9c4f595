"""Read models at two moments, compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import Table

from backstory.projections.read_model import ReadModel
from backstory.timemachine.asof import Stand
from backstory.timemachine.diffing.live import LiveRows, copy_live
from backstory.timemachine.diffing.tables import TableDiff, both, diff_table, is_unique
from backstory.timemachine.diffing.terms import Terms, terms_of
from backstory.timemachine.session import Session


class Difference(msgspec.Struct, frozen=True):
    """How read models differ, table by table, and how projections stood on both sides.

    `live` says what the live side was, where one side was live.
    """

    tables: Sequence[TableDiff]
    before: Sequence[Stand]
    after: Sequence[Stand]
    live: LiveRows | None = None

    @property
    def same(self) -> bool:
        """Return whether no table differs."""
        return all(table.same for table in self.tables)


async def diff_moments(
    session: Session,
    tables: Sequence[Table],
    before: int,
    after: int,
    *,
    ignore: Sequence[str] = (),
    most: int = 1_000,
) -> Difference:
    """Return how *tables* differ at position *after* from what they were at position *before*.

    Rows are matched by the primary key, or, where there is none or a column of it is to be
    *ignored*, compared as a whole, and how often counts. The first *most* rows of each kind are in
    the answer, all are counted. A table of a million rows takes some seconds. Raises what
    `Session.at` raises, and `InvalidSetting` when nothing is left to compare.
    """
    with TemporaryDirectory(prefix="backstory-") as folder:
        files = {position: Path(folder, f"{position}.db") for position in (before, after)}
        stands = {}
        for position in sorted(files):
            await session.at(position)
            stands[position] = session.stands
            await session.copy_to(files[position])

        def work() -> Sequence[TableDiff]:
            with both(files[before], files[after]) as connection:
                wanted = [terms_of(table, ignore) for table in tables]
                return [diff_table(connection, terms, most=most) for terms in wanted]

        found = await asyncio.to_thread(work)
    return Difference(found, stands[before], stands[after])


async def diff_live(
    session_at: Callable[[LiveRows], Session],
    live: ReadModel,
    tables: Sequence[Table],
    *,
    ignore: Sequence[str] = (),
    most: int = 1_000,
) -> Difference:
    """Return how the rows of a *live* read model differ from what the events say.

    The rows of *live* are read in one transaction and copied; *session_at* is then told how far
    they are, and answers a session over the history up to the moment to compare with. Where rows
    are matched by a key, it is one that is unique on both sides; else by all columns. A column that
    the live table does not have is not compared, a table that is not there has no rows. Raises as
    `diff_moments` does, and `ReadModelUnavailable`.
    """
    with TemporaryDirectory(prefix="backstory-") as folder:
        here, there = Path(folder, "events.db"), Path(folder, "live.db")
        rows = await copy_live(live, tables, there)
        async with session_at(rows) as session:
            await session.at(session.history.until)
            await session.copy_to(here)
            stands = session.stands

        def work() -> Sequence[TableDiff]:
            with both(here, there) as connection:
                found = []
                for table in tables:
                    terms = terms_of(table, ignore, rows.columns[str(table.name)])
                    if terms.key and not is_unique(connection, terms):
                        terms = Terms(table, terms.columns, ())
                    found.append(diff_table(connection, terms, most=most))
                return found

        found = await asyncio.to_thread(work)
    return Difference(found, stands, (), rows)
