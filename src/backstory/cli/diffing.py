"""Comparing two moments for a command: which, of what, and showing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Table

from backstory.application import Application
from backstory.cli.application import opened_live
from backstory.cli.as_of_shown import say_stand
from backstory.cli.diff_shown import write_paths, write_table
from backstory.cli.exits import ExitCode
from backstory.cli.fencing import fenced
from backstory.cli.going_back import table_named
from backstory.cli.past import Past, opened_past
from backstory.cli.replaying import replaying
from backstory.cli.screen import say
from backstory.core.errors import InvalidSetting
from backstory.timemachine.diffing.moments import Difference, diff_live, diff_moments
from backstory.timemachine.diffing.values import diff_values
from backstory.timemachine.states import States

if TYPE_CHECKING:
    from backstory.timemachine.diffing.live import LiveRows
    from backstory.timemachine.session import Session


class Diffing(msgspec.Struct, frozen=True, kw_only=True):
    """What `diff` was asked to compare; see its options."""

    application: Application
    before: str | None
    after: str | None
    stream: str | None
    tables: Sequence[str]
    against: str | None
    schema: str
    ignore: Sequence[str]
    redeliver: bool
    unfenced: bool
    limit: int
    json: bool

    async def work(
        self, source: str, *, snapshots: str | None, behind: Sequence[str] | None
    ) -> int:
        """Compare and show, and return the exit code."""
        self._check()
        moment = self.before if self.against is not None else self.after
        async with opened_past(source, moment, snapshots=snapshots, behind=behind) as past:
            if self.against is not None:
                same = await self._against(past, self.against)
            else:
                before = await past.position_of(self.before or "")
                if self.stream is not None:
                    same = await self._states(past, self.stream, before)
                else:
                    same = await self._moments(past, before)
        return ExitCode.DONE if same else ExitCode.DIFFERS

    def _check(self) -> None:
        given = [moment for moment in (self.before, self.after) if moment is not None]
        message = None
        if self.against is not None:
            if self.stream is not None or len(given) > 1:
                message = "--against compares rows as of one moment; give one, and no --stream"
        elif len(given) != 2:  # noqa: PLR2004 - as the message says
            message = "between which moments? Give two, such as 4711 head; or --against URL"
        if self.stream is not None and (self.tables or self.ignore):
            message = "--stream compares states; --table and --ignore are about rows"
        if message is not None:
            raise InvalidSetting(message)

    def _chosen(self) -> tuple[Application, list[Table]]:
        """Return the tables to compare, and the application with only the projections of these."""
        every = [table for one in self.application.projections for table in one.tables]
        tables = [table_named(self.application, name) for name in self.tables] or every
        names = {column.name for table in tables for column in table.columns}
        for column in self.ignore:
            if column not in names:
                message = f"no table that is compared has a column {column!r} to ignore"
                raise InvalidSetting(message)
        projections = tuple(
            one for one in self.application.projections if any(t in tables for t in one.tables)
        )
        return msgspec.structs.replace(self.application, projections=projections), tables

    async def _states(self, past: Past, stream: str, before: int) -> bool:
        states = States(self.application, past.whole)
        old = await states.at(stream, before)
        new = await states.at(stream, past.position)
        if old is None or new is None:
            message = f"application {self.application.name!r} has no decider for {stream!r}"
            raise InvalidSetting(message)
        changes = diff_values(old.value, new.value)
        write_paths(changes, json=self.json)
        if not changes:
            say(f"{stream}: the same at positions {before} and {past.position}")
        return not changes

    async def _moments(self, past: Past, before: int) -> bool:
        application, tables = self._chosen()
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(max(before, past.position)) as tell,
        ):
            session = past.session(application, replay=replay, tell=tell, whole=True)
            async with session:
                found = await diff_moments(
                    session, tables, before, past.position, ignore=self.ignore, most=self.limit
                )
        for stand in found.before:
            say_stand(stand, before)
        return self._shown(found, past.position, f"positions {before} and {past.position}")

    def _shown(self, found: Difference, position: int, where: str) -> bool:
        for stand in found.after:
            say_stand(stand, position)
        for table in found.tables:
            write_table(table, json=self.json)
        if found.same:
            say(f"the same at {where}")
        return found.same

    async def _against(self, past: Past, url: str) -> bool:
        application, tables = self._chosen()
        with (
            fenced(unfenced=self.unfenced, redeliver=self.redeliver) as replay,
            replaying(past.position) as tell,
        ):

            def session(live: LiveRows) -> Session:
                wanted = past
                if self.before is None:
                    positions = _applied(application, live.positions, past.position)
                    wanted = msgspec.structs.replace(past, behind={**past.behind, **positions})
                return wanted.session(application, replay=replay, tell=tell)

            async with opened_live(url, self.schema) as live:
                found = await diff_live(session, live, tables, ignore=self.ignore, most=self.limit)
        assert found.live is not None  # noqa: S101 - it was given
        self._say_live(application, found.live, past.position)
        shown = msgspec.structs.replace(found, after=found.before if self.before else ())
        return self._shown(shown, past.position, "the live read model and in the events")

    def _say_live(self, application: Application, live: LiveRows, position: int) -> None:
        for name in live.missing:
            say(f"table {name} is not in the live read model", style="yellow")
        for projection in application.projections:
            positions = live.positions.get(projection.name, ())
            applied = ", ".join(map(str, sorted(set(positions)))) or "nothing"
            if self.before is None:
                say(f"{projection.name}: compared at position {applied}")
            elif set(positions) != {position}:
                say(f"{projection.name}: the live one has applied {applied}", style="yellow")


def _applied(
    application: Application, live: Mapping[str, Sequence[int]], until: int
) -> Mapping[str, int]:
    """Return the position that each projection has applied.

    Raises `InvalidSetting` where partitions have come to several, or beyond the source.
    """
    found = {}
    for projection in application.projections:
        positions = sorted(set(live.get(projection.name, ()))) or [0]
        if len(positions) > 1:
            message = (
                f"the partitions of {projection.name!r} have applied {positions}: there is no "
                "moment to compare with. Stop the workers at one position, or name a moment."
            )
            raise InvalidSetting(message)
        [found[projection.name]] = positions
        if positions[0] > until:
            message = (
                f"the live {projection.name!r} has applied position {positions[0]}, which is "
                f"beyond the source, which ends at {until}; is it the right source?"
            )
            raise InvalidSetting(message)
    return found
