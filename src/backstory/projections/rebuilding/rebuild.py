"""A rebuild: built beside, compared, put in place of the old, while everybody goes on.

    build ──> (same positions as live?) compare ──> catch up ──> lock, last events, swap ──> remove
      │ killed: the next rebuild goes on where this one was
      │ a reader would be waited for too long: catch up and try again

No reactor is ever run here, and no worker of the live read model is told of it: they wait for a
moment on their checkpoints and go on, in the new tables.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from enum import Enum
from typing import Final, TypeAlias, TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select

from backstory.core.errors import InvalidInput, ReadModelUnavailable, RebuildRefused
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.projections.checkpoint import positions_of, reset_checkpoint
from backstory.projections.partitions import partition_of
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.rebuilding.beside import Beside
from backstory.projections.rebuilding.building import Building
from backstory.projections.rebuilding.comparing import Comparison, compare
from backstory.projections.rebuilding.opening import beside_of
from backstory.projections.tables import parked_table

T = TypeVar("T")

_CLOSE: Final = 1_000
"""Events that may still be missing when the live tables are locked for the last of them."""

_TRIES: Final = 60
_LOOK: Final = 0.1
_BUSY: Final = "the live tables could not be locked, and are as they were: {}"
_AHEAD: Final = "what was built before is ahead of what is live"
_APART: Final = "the live partitions stand at different positions"


class Phase(Enum):
    """What a rebuild is doing."""

    BUILDING = "building"
    COMPARING = "comparing"
    SWAPPING = "swapping"


class RebuildProgress(msgspec.Struct, frozen=True):
    """How far a rebuild has come: `position` of `target`, which grows while others append.

    `began` is the position it began at, `seconds` the time since.
    """

    phase: Phase
    began: int
    position: int
    target: int
    seconds: float


Tell: TypeAlias = Callable[[RebuildProgress], None]


class Rebuilt(msgspec.Struct, frozen=True):
    """What came of a rebuild.

    `began` is the position it went on from, 0 for the first event; `position` what the new rows
    are as of. `swapped` says whether they are live, `kept` where the old ones are then. Times are
    in seconds: `seconds` in all, `locked` while no worker of the projection could write.
    """

    projection: str
    began: int
    position: int
    comparison: Comparison
    swapped: bool
    kept: str | None
    seconds: float
    locked: float


class RebuildPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is done: only compared, or swapped as well; and what may be lost by that.

    `keep` keeps the old tables. `discard` lets go of indexes and triggers that people added to
    them. `renumber` allows rows to get other generated numbers than they had.
    """

    swap: bool = True
    keep: bool = False
    discard: bool = False
    renumber: bool = False


_USUAL: Final = RebuildPolicy()


async def rebuild(
    projection: Projection,
    *,
    schema: Schema,
    store: EventStore,
    read_model: ReadModel,
    policy: RebuildPolicy = _USUAL,
    tell: Tell | None = None,
) -> Rebuilt:
    """Build the rows of *projection* anew beside the live ones, compare them, and swap them.

    Readers and writers go on all the time. What was built when the process died is gone on with,
    if the code is the same. Side effects do not happen: a reactor is no projection.

    Raises `RebuildRefused` when another rebuild is under way or something would be lost, with
    nothing changed; `HandlerFailed` when an event cannot be applied and the policy is to stop, and
    what the databases raise; the live tables are then as they were.
    """
    given: object = projection
    if not isinstance(given, Projection):
        message = f"{given!r} does things outside and is never run again for past events"
        raise InvalidInput(message)
    beside = beside_of(read_model, projection, discard=policy.discard)
    async with _threaded(beside.alone()):
        built = await ReadModel.on(beside.database(), clock=read_model.clock)
        try:
            building = Building(projection, built, schema=schema, store=store)
            one = _Rebuild(projection, read_model, beside, building, store, policy)
            done = await one.run(tell)
        finally:
            await built.close()
        if done.swapped or not policy.swap:
            await asyncio.to_thread(beside.remove)
        return done


class _Rebuild:
    def __init__(
        self,
        projection: Projection,
        live: ReadModel,
        beside: Beside,
        building: Building,
        store: EventStore,
        policy: RebuildPolicy,
    ) -> None:
        self._projection = projection
        self._live = live
        self._beside = beside
        self._building = building
        self._store = store
        self._policy = policy
        self._phase = Phase.BUILDING
        self._began = 0
        self._target = 0
        self._locked = 0.0
        self._start = time.monotonic()

    async def run(self, tell: Tell | None) -> Rebuilt:
        await self._building.begin()
        await asyncio.to_thread(self._beside.check, keep=self._policy.keep)
        self._began = self._position
        telling = asyncio.ensure_future(self._telling(tell)) if tell else None
        try:
            comparison = await self._compared()
            self._refuse_renumbering(comparison)
            if self._policy.swap:
                self._phase = Phase.SWAPPING
                await self._swapped()
        finally:
            if telling is not None:
                telling.cancel()
        if tell is not None:
            tell(self._progress())
        return Rebuilt(
            projection=self._projection.name,
            began=self._began,
            position=self._position,
            comparison=comparison,
            swapped=self._policy.swap,
            kept=self._beside.kept if self._policy.swap and self._policy.keep else None,
            seconds=time.monotonic() - self._start,
            locked=self._locked,
        )

    @property
    def _position(self) -> int:
        return min(self._building.positions)

    def _progress(self) -> RebuildProgress:
        seconds = time.monotonic() - self._start
        target = max(self._target, self._position)
        return RebuildProgress(self._phase, self._began, self._position, target, seconds)

    async def _telling(self, tell: Tell) -> None:
        while True:
            tell(self._progress())
            await asyncio.sleep(_LOOK)

    # Comparing

    async def _compared(self) -> Comparison:
        """Bring the new rows to where the live ones are, and compare the two."""
        live = await asyncio.to_thread(self._live.write, self._positions)
        if not live:
            return Comparison(reason="nothing is live yet")
        reason = await self._come_near()
        if reason is not None:
            return Comparison(reason=reason)
        for _ in range(_TRIES):
            async with self._lock() as locked:
                positions = await asyncio.to_thread(self._positions, locked)
                cut = self._cut(positions)
                if cut is None:
                    continue
                await self._building.bring(cut)
                looking = self._beside.look()
                connection = await asyncio.to_thread(looking.__enter__)
            self._phase = Phase.COMPARING
            try:
                return await asyncio.to_thread(self._compare, connection, positions)
            finally:
                await asyncio.to_thread(looking.__exit__, None, None, None)
        return Comparison(reason=_APART)

    async def _come_near(self) -> str | None:
        """Build until little is missing to what is live; return why that cannot be reached."""
        waited = 0
        while True:
            live = await asyncio.to_thread(self._live.write, self._positions)
            self._target = max(live)
            if max(self._building.positions) > min(live):
                return None if self._is_behind(live) else _AHEAD
            if self._target - self._position <= _CLOSE:
                return None
            await self._building.bring([min(live)] * len(self._building.positions))
            if self._target - min(live) > _CLOSE:
                if waited == _TRIES:
                    return _APART
                waited += 1
                await asyncio.sleep(_LOOK)

    def _is_behind(self, live: Sequence[int]) -> bool:
        built = self._building.positions
        return len(live) == len(built) and all(
            here <= there for here, there in zip(built, live, strict=True)
        )

    def _cut(self, live: Sequence[int]) -> Sequence[int] | None:
        """Return where the partitions that are built must stand to be what *live* is, if so."""
        built = self._building.positions
        cut = live if len(live) == len(built) else [live[0]] * len(built)
        reachable = all(there >= at for at, there in zip(built, cut, strict=True))
        return cut if reachable and (cut is live or len(set(live)) == 1) else None

    def _compare(self, connection: Connection, positions: Sequence[int]) -> Comparison:
        live, rebuilt = self._beside.live, self._beside.rebuilt
        compared = [compare(connection, t, live, rebuilt) for t in self._projection.tables]
        tables = tuple(table for table in compared if table is not None)
        return Comparison(tuple(positions), tables)

    def _refuse_renumbering(self, comparison: Comparison) -> None:
        if comparison.renumbered and self._policy.swap and not self._policy.renumber:
            message = (
                f"{comparison.renumbered:,} rows would get other numbers than those that users "
                "hold; look at the comparison, and allow renumbering if that does no harm. The "
                "rows that were built wait for the next try"
            )
            raise RebuildRefused(message)

    # Swapping

    async def _swapped(self) -> None:
        for attempt in range(_TRIES):
            await self._to_head()
            try:
                async with self._lock() as locked:
                    await self._to_head()
                    await asyncio.to_thread(self._swap, locked)
            except ReadModelUnavailable:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(_LOOK * (1 + attempt))
            else:
                return

    async def _to_head(self) -> None:
        while True:
            self._target = await self._store.head()
            missing = self._target - self._position
            await self._building.bring([self._target] * len(self._building.positions))
            if missing <= _CLOSE:
                return

    def _swap(self, locked: Connection) -> None:
        name = self._projection.name
        position = self._position
        parked = self._building.read_model.write(
            lambda c: c.execute(select(parked_table).where(parked_table.c.projection == name)).all()
        )
        live = self._live
        partitions = self._projection.partitions
        reset_checkpoint(locked, name, partitions, live.clock(), position=position)
        locked.execute(delete(parked_table).where(parked_table.c.projection == name))
        if parked:
            rows = [
                # Built in one partition, perhaps, and lives on in several.
                {**row._mapping, "partition": partition_of(row.stream, partitions)}  # noqa: SLF001 - its documented way in
                for row in parked
            ]
            locked.execute(insert(parked_table), rows)
        self._beside.swap(locked, keep=self._policy.keep)

    def _positions(self, connection: Connection) -> tuple[int, ...]:
        return positions_of(connection, self._projection.name)

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[Connection]:
        began = time.monotonic()
        try:
            async with _threaded(self._beside.locked()) as connection:
                yield connection
        except Exception as error:
            if self._live.database.is_unavailable(error):
                raise ReadModelUnavailable(_BUSY.format(error)) from error
            raise
        finally:
            self._locked += time.monotonic() - began


@asynccontextmanager
async def _threaded(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave *context* in a thread."""
    entered = await asyncio.to_thread(context.__enter__)
    try:
        yield entered
    except BaseException as error:
        if not await asyncio.to_thread(context.__exit__, type(error), error, error.__traceback__):
            raise
    else:
        await asyncio.to_thread(context.__exit__, None, None, None)
