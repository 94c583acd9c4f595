"""Blaming rows: the event, and the line of a handler, that set this column of this row.

replay once, rows that fit are watched ──> exactly one row fits ──> its trail, backwards
    ▲                                                                  │ not to its end yet
    └────────────────── watched by its key, from further back <────────┘
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
from sqlalchemy import Table

from backstory.application import Application
from backstory.core.errors import HandlerFailed, InvalidSetting
from backstory.core.history import History
from backstory.projections.projection import Projection
from backstory.timemachine.asof import NOBODY, Tell
from backstory.timemachine.blaming.scanning import MOST_TOUCHES, WITHOUT_END, Plan, Scan, Scanned
from backstory.timemachine.blaming.tracing import Touch
from backstory.timemachine.blaming.trail import Blame, Trail
from backstory.timemachine.blaming.watching import ROWID, Entry, Identity, Watch, rows_where
from backstory.timemachine.replay import PLAIN, Replay
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.restoring import nearest

_PATIENT: Final = 8
_NAMED: Final = 5
"""Rows that are named where several fit."""


class Cell(msgspec.Struct, frozen=True):
    """A column of a row: the row of *table* with the values of *where*.

    Without a *column* it is every column, each for itself. In a table without a primary key, rows
    can be told apart by `_rowid_`.
    """

    table: Table
    where: Mapping[str, object]
    column: str | None = None


class Blamed(msgspec.Struct, frozen=True):
    """Who is to blame, newest first; none when there never was such a row.

    `row` is the row as it is, None when it is there no more: then what is blamed is what took it
    away, or made its values others than those it was asked for by. `failures` say which projections
    stood still, and at which event.
    """

    row: Mapping[str, object] | None
    blames: Sequence[Blame]
    failures: Mapping[str, HandlerFailed] = MappingProxyType({})


async def blame_row(  # noqa: PLR0913 - what to blame, and how to replay: all as for a `Session`
    application: Application,
    history: History,
    cell: Cell,
    position: int,
    *,
    every: bool = False,
    snapshots: Folder | None = None,
    behind: Mapping[str, int] = NOBODY,
    replay: Replay = PLAIN,
    tell: Tell | None = None,
) -> Blamed:
    """Return what gave *cell* the value it has at *position*, or *every* change that it ever had.

    An event changed a cell when its value, or whether there is a row, was another after it than
    before; a row that is written anew with the same value is passed over. The projection that owns
    the table is replayed once, from the nearest of *snapshots*, and from the start when it must be.
    Rows are followed when their key changes. Of more than 20,000 changes the last are returned.

    Raises `InvalidSetting` when the table has no such column, and when several rows fit, naming
    some; and what replaying raises.
    """
    names = _check(cell)
    plan = Plan(
        application=msgspec.structs.replace(
            application, projections=_connected(application, cell.table), reactors=(), checks=()
        ),
        history=history.up_to(position),
        # What was delivered twice is in no snapshot.
        snapshots=snapshots if replay.deliveries == 1 else None,
        behind=behind,
        replay=replay,
        tell=tell,
    )
    blaming = _Blaming(plan, cell, WITHOUT_END if every else _PATIENT)
    return await blaming.run(Trail([cell.column] if cell.column else names, every=every))


class _Blaming:
    def __init__(self, plan: Plan, cell: Cell, patient: int) -> None:
        self._plan = plan
        self._table = cell.table
        self._where = cell.where
        self._patient = patient
        self._rows: Sequence[tuple[Identity, Mapping[str, object]]] = ()
        self._failures: Mapping[str, HandlerFailed] = {}

    async def run(self, trail: Trail) -> Blamed:
        """Follow *trail* back from the end of the history."""
        scanned = await self._look(trail.open)
        if len(self._rows) > 1:
            raise InvalidSetting(self._several())
        row = None
        if self._rows:
            [(trail.identity, row)] = self._rows
        else:
            scanned = await self._where_it_went(scanned, trail)
        patient = self._patient
        while True:
            seen_from = trail.follow(scanned.touches)
            until = scanned.since if seen_from is None else seen_from - 1
            if until <= 0 or not trail.open or len(trail.found) >= MOST_TOUCHES:
                return Blamed(row, tuple(trail.found), self._failures)
            scanned = await self._scan(trail.identity, until, trail.open, patient)
            # A second page that explains nothing: from now on each is looked at.
            patient = WITHOUT_END if scanned.since else self._patient

    async def _where_it_went(self, scanned: Scanned, trail: Trail) -> Scanned:
        """Point *trail* at the row that fitted last, and return what touched it until it went."""
        while True:
            for number, touch in reversed(list(enumerate(scanned.touches))):
                entry = _last_leaving(touch)
                if entry is not None:
                    trail.identity = entry.went_to or entry.came_from or {}
                    if entry.before is not None and entry.after is not None:
                        before, after = entry.before, entry.after
                        trail.turn_to([n for n in self._where if before[n] != after[n]])
                    return Scanned(scanned.touches[: number + 1], scanned.since)
            if not scanned.since:
                return Scanned((), 0)
            scanned = await self._scan(self._where, scanned.since, trail.open, WITHOUT_END)

    async def _look(self, columns: Sequence[str]) -> Scanned:
        """Replay from the nearest snapshot, and look which rows there are in the end."""
        plan, start = self._plan, 0
        if plan.snapshots is not None:
            manifest = await nearest(plan.snapshots, plan.history)
            start = 0 if manifest is None else manifest.position
        async with plan.session() as session:
            model = await session.at(start)
            watch = Watch(self._table, self._where, columns)
            scan = Scan(plan, watch, model)
            scanned = await scan.run(start, plan.history.until, patient=self._patient)
            self._failures = scan.failures
            self._rows = await model.ask(
                lambda connection: rows_where(connection, self._table, self._where, _NAMED + 1)
            )
        return scanned

    async def _scan(
        self, condition: Mapping[str, object], until: int, columns: Sequence[str], patient: int
    ) -> Scanned:
        """Replay from the start."""
        async with self._plan.session() as session:
            watch = Watch(self._table, condition, columns)
            scan = Scan(self._plan, watch, await session.at(0))
            return await scan.run(0, until, patient=patient)

    def _several(self) -> str:
        said = (
            " and ".join(f"{name}={value}" for name, value in self._where.items()) or "no condition"
        )
        named = [
            "(" + ", ".join(f"{name}={value}" for name, value in identity.items()) + ")"
            for identity, _ in self._rows[:_NAMED]
        ]
        more = " and more" if len(self._rows) > _NAMED else ""
        return (
            f"several rows of {self._table.name!r} fit {said}: {', '.join(named)}{more}; "
            "say which one is meant"
        )


def _last_leaving(touch: Touch) -> Entry | None:
    """Return the last change after which a watched row was none any more."""
    entries = [entry for write in touch.writes for entry in write.entries]
    leaving = [entry for entry in entries if entry.was_watched and not entry.is_watched]
    return leaving[-1] if leaving else None


def _check(cell: Cell) -> list[str]:
    names = [str(column.name) for column in cell.table.columns]
    for name in (*cell.where, *([cell.column] if cell.column else ())):
        if name not in names and (name != ROWID or cell.table.primary_key.columns):
            nearest = difflib.get_close_matches(name, names, n=1, cutoff=0)
            message = (
                f"table {cell.table.name!r} has no column {name!r}; did you mean {nearest[0]!r}?"
            )
            raise InvalidSetting(message)
    return names


def _connected(application: Application, table: Table) -> tuple[Projection, ...]:
    """Return the projections that can change a row of *table*: its own, and by foreign keys."""
    tables = {one.key: one for projection in application.projections for one in projection.tables}
    near = {table.key}
    grown = True
    while grown:
        grown = False
        for key, one in tables.items():
            pointed = {foreign.target_fullname.rpartition(".")[0] for foreign in one.foreign_keys}
            if (key in near and pointed - near) or (key not in near and pointed & near):
                near |= {key, *pointed}
                grown = True
    return tuple(
        projection
        for projection in application.projections
        if any(one.key in near for one in projection.tables)
    )
