"""Replaying a part of the history once, to find every event that touched watched rows.

    page ── at full speed ──> nothing touched ──> next page
              │ touched
              └──> taken back ──> event by event, with lines ──> next page

A row that is touched in page after page would make that slow. So after some pages nothing is taken
back any more, and only the last page that touched it is gone through once more, event by event.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from sqlalchemy.engine import URL

from backstory.application import Application
from backstory.core.errors import HandlerFailed
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import MAX_TYPES, Read
from backstory.projections.advancing import Advance
from backstory.projections.applying import Applier
from backstory.projections.database import Database
from backstory.projections.partitions import partitions_of
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.sqlite import SqliteDatabase
from backstory.projections.statements import Plans
from backstory.timemachine.asof import Tell
from backstory.timemachine.blaming.tracing import Touch, Tracing
from backstory.timemachine.blaming.watching import Watch
from backstory.timemachine.replay import Replay
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder

_PAGE: Final = 2_000
_EVENTS_PER_COPY: Final = 100_000
MOST_TOUCHES: Final = 20_000
"""Events that touched a watched row of which the last are kept."""

WITHOUT_END: Final = 1 << 62


class Scanned(msgspec.Struct, frozen=True):
    """What touched watched rows behind `since`: nothing else did, up to where was scanned."""

    touches: Sequence[Touch]
    since: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to replay: whose projections, which history, from which snapshots, who lagged where."""

    application: Application
    history: History
    snapshots: Folder | None
    behind: Mapping[str, int]
    replay: Replay
    tell: Tell | None = None

    def session(self) -> Session:
        """Return a session of it."""
        return Session(
            self.application,
            self.history,
            snapshots=self.snapshots,
            behind=self.behind,
            replay=self.replay,
            tell=self.tell,
        )


class _Part(msgspec.Struct, frozen=True):
    """What applies the events of one partition of a projection, up to `end`."""

    advance: Advance
    tracing: Tracing
    applier: Applier
    end: int

    def apply(self, events: Sequence[RecordedEvent], covered: int) -> None:
        """Apply those of *events* that belong here, and move the checkpoint to *covered*."""
        holds, handles = self.advance.partition.holds, self.tracing.handles
        mine = [
            event
            for event in events
            if event.position <= self.end and holds(event.stream) and handles(event)
        ]
        self.applier.apply(mine, min(covered, self.end))


class _Hot(msgspec.Struct, frozen=True):
    """The last page that touched a row and was not taken back, and a copy from before it."""

    since: int
    until: int
    copy: int


class Scan:
    """One replay over a local read model, which stands where it begins."""

    def __init__(self, plan: Plan, watch: Watch, model: ReadModel) -> None:
        """Replay over *model*, whose rows *watch* is to watch."""
        self._plan = plan
        self._model = model
        self._watch = watch
        self._touches: deque[Touch] = deque(maxlen=MOST_TOUCHES)
        self._parts: list[_Part] = []
        self.failures: dict[str, HandlerFailed] = {}
        """Why projections stand still, by their names."""
        self._copies: dict[int, Path] = {}
        self._hot: _Hot | None = None

    async def run(self, since: int, until: int, *, patient: int = WITHOUT_END) -> Scanned:
        """Replay what is behind *since* up to *until*.

        In so many *patient* pages, what touches a row is looked at event by event. When there are
        more, only the last page is, and what is scanned begins there.
        """
        await asyncio.to_thread(self._begin, until)
        with TemporaryDirectory(prefix="backstory-") as folder:
            async for start, covered, page in self._pages(since, until):
                if self._taken_back >= patient:
                    await self._copy(start, Path(folder))
                await self._apply(start, covered, page, patient=self._taken_back < patient)
            if self._hot is not None:
                return await self._once_more(self._hot)
        if len(self._touches) == MOST_TOUCHES:
            since = self._touches[0].event.position
        return Scanned([each for each in self._touches if each.event.position > since], since)

    @property
    def _taken_back(self) -> int:
        return sum(part.tracing.taken_back for part in self._parts)

    async def _pages(
        self, since: int, until: int
    ) -> AsyncIterator[tuple[int, int, Sequence[RecordedEvent]]]:
        """Yield page after page, with the positions where it begins and ends; reads ahead."""
        types = {name for part in self._parts for name in part.tracing.types}
        query = Read(
            types=tuple(sorted(types)) if len(types) <= MAX_TYPES else (),
            after=since,
            until=until,
            limit=_PAGE,
        )
        upcoming = asyncio.ensure_future(self._plan.history.read(query))
        try:
            while page := await upcoming:
                last = query.is_last(page)
                if not last:
                    query = query.resume(page[-1].position)
                    upcoming = asyncio.ensure_future(self._plan.history.read(query))
                yield since, until if last else page[-1].position, page
                since = page[-1].position
                if last:
                    return
        finally:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)
        yield since, until, ()

    async def _apply(
        self, start: int, covered: int, page: Sequence[RecordedEvent], *, patient: bool
    ) -> None:
        for part in self._parts:
            part.tracing.patient, part.tracing.touched = patient, False
        await asyncio.to_thread(self._apply_now, page, covered)
        if any(part.tracing.touched for part in self._parts):
            self._hot = _Hot(start, covered, max(self._copies, default=start))
        if self._plan.tell is not None:
            self._plan.tell(self._plan.application.projections[0].name, covered)

    async def _copy(self, position: int, folder: Path) -> None:
        """Copy the read model now and then, and keep the copy that leads to the last hot page."""
        if self._copies and position - max(self._copies) < _EVENTS_PER_COPY:
            return
        needed = None if self._hot is None else self._hot.copy
        for at in [at for at in self._copies if at != needed]:
            self._copies.pop(at).unlink()
        file = folder / f"{position}.db"
        await asyncio.to_thread(_copy, self._model.database, file)
        self._copies[position] = file

    async def _once_more(self, hot: _Hot) -> Scanned:
        url = URL.create("sqlite", database=str(self._copies[hot.copy]))
        model = await ReadModel.on(SqliteDatabase(url, alone=True))
        try:
            again = Scan(self._plan, self._watch, model)
            await asyncio.to_thread(again._begin, hot.until)
            async for start, covered, page in again._pages(hot.copy, hot.until):
                await again._apply(start, covered, page, patient=start >= hot.since)
        finally:
            await model.close()
        touches = [each for each in again._touches if each.event.position > hot.since]
        return Scanned(touches, hot.since)

    # In a thread

    def _begin(self, until: int) -> None:
        self._model.write(self._watch.begin)
        for projection in self._plan.application.projections:
            end = min(until, self._plan.behind.get(projection.name, until))
            self._parts += self._parts_of(projection, end)

    def _parts_of(self, projection: Projection, end: int) -> Iterator[_Part]:
        plan = self._plan
        plans = Plans(self._model.database.engine.dialect)
        for partition in partitions_of(projection.name, projection.partitions):
            tracing = Tracing(
                projection,
                plan.application.schema,
                plans,
                replay=plan.replay,
                watch=self._watch,
                touches=self._touches,
            )
            advance = Advance(partition, self._model, None)
            advance.start()
            yield _Part(advance, tracing, Applier(advance, tracing, projection.on_failure), end)

    def _apply_now(self, page: Sequence[RecordedEvent], covered: int) -> None:
        for part in self._parts:
            name = part.advance.partition.projection
            if name not in self.failures:
                try:
                    part.apply(page, covered)
                except HandlerFailed as error:
                    self.failures[name] = error


def _copy(database: Database, file: Path) -> None:
    """Copy a database of ours that is open; rows keep the numbers that SQLite gave them."""
    assert isinstance(database, SqliteDatabase)  # noqa: S101 - a session's is one
    here = str(database.file)
    with closing(sqlite3.connect(here)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
