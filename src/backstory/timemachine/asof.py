"""As of: every read model of an application, as it was at a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from backstory.application import Application
from backstory.core.errors import CheckpointAhead, HandlerFailed
from backstory.core.history import History
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.timemachine.replay import PLAIN, Replay
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.restoring import nearest, restore

_PAGE: Final = 5_000
_LOOK: Final = 0.1

NOBODY: Final[Mapping[str, int]] = MappingProxyType({})
"""No projection lagged."""

Tell: TypeAlias = Callable[[str, int], None]
"""Is told, now and then, which projection has come to which position."""


class Stand(msgspec.Struct, frozen=True):
    """How far a projection came: what it applied, what it parked, and why it stopped if it did."""

    projection: str
    position: int
    parked: int
    failure: HandlerFailed | None


class AsOf(msgspec.Struct, frozen=True):
    """What `as_of` did: how each projection stands, and which snapshot it began with.

    `anew` holds, for each projection that could not begin with that snapshot, the reason.
    """

    position: int
    stands: tuple[Stand, ...]
    snapshot: int | None
    anew: Mapping[str, str]


async def as_of(
    application: Application,
    history: History,
    read_model: ReadModel,
    *,
    snapshots: Folder | None = None,
    behind: Mapping[str, int] = NOBODY,
    replay: Replay = PLAIN,
    tell: Tell | None = None,
) -> AsOf:
    """Fill *read_model*, which holds nothing yet, with all there was at the end of *history*.

    Begins with the nearest of *snapshots* that can be trusted, and goes on as `project` does. Only
    snapshots from before the position of whoever lagged most are looked at. Raises
    `SnapshotDamaged`, and what `project` raises.
    """
    began, anew = await begin(application, history, read_model, snapshots, behind=behind)
    stands = await project(
        application, history, read_model, behind=behind, replay=replay, tell=tell
    )
    return AsOf(history.until, tuple(stands), began, anew)


async def begin(
    application: Application,
    history: History,
    read_model: ReadModel,
    snapshots: Folder | None,
    *,
    behind: Mapping[str, int] = NOBODY,
    beyond: int = 0,
) -> tuple[int | None, Mapping[str, str]]:
    """Fill *read_model*, which holds nothing yet, with the nearest of *snapshots*, if there is one.

    Only those behind position *beyond* count. Returns the position of the snapshot, None without
    one, and for each projection that could not begin with it the reason. Raises `SnapshotDamaged`.
    """
    if snapshots is None:
        return None, {}
    manifest = await nearest(snapshots, history.up_to(_least(behind, history)))
    if manifest is None or manifest.position <= beyond:
        return None, {}
    return manifest.position, await restore(manifest, application, snapshots, read_model)


def _least(behind: Mapping[str, int], history: History) -> int:
    return min(history.until, *behind.values()) if behind else history.until


async def project(
    application: Application,
    history: History,
    read_model: ReadModel,
    *,
    behind: Mapping[str, int] = NOBODY,
    replay: Replay = PLAIN,
    tell: Tell | None = None,
) -> Sequence[Stand]:
    """Bring *read_model* to the end of *history* and return how each projection stands there.

    What the read model holds already is gone on from: nothing, a snapshot, or an earlier moment of
    the same history. Rows are those that a live worker would have written, because the same code
    applies the same events in the same order. A projection that lagged at the moment is named in
    *behind* with the position that it had applied, and is brought there only. Reactors do not run.

    One whose handler fails stands still before the guilty event, as the live one did, and the
    others go on. Raises `CheckpointAhead` when the read model is beyond the end, and what reading
    the store and writing the read model raise.
    """
    return [
        await _project(
            projection,
            application,
            _seen_by(projection, history, behind),
            read_model,
            replay,
            tell,
        )
        for projection in application.projections
    ]


def _seen_by(projection: Projection, history: History, behind: Mapping[str, int]) -> History:
    end = behind.get(projection.name, history.until)
    return history if end >= history.until else history.up_to(end)


async def _project(
    projection: Projection,
    application: Application,
    history: History,
    read_model: ReadModel,
    replay: Replay,
    tell: Tell | None,
) -> Stand:
    position = await read_model.prepare(projection)
    if position > history.until:
        raise CheckpointAhead(position=position, head=history.until)
    worker = Worker(
        projection,
        schema=application.schema,
        store=history,
        read_model=read_model,
        page=_PAGE,
        fence=replay.fence,
        deliveries=replay.deliveries,
    )
    telling = None if tell is None else asyncio.create_task(_telling(worker, tell))
    failure = None
    try:
        await worker.catch_up(apart=True)
    except HandlerFailed as error:
        failure = error
    finally:
        if telling is not None:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
    status = worker.status
    if tell is not None:
        tell(projection.name, status.position)
    return Stand(projection.name, status.position, status.parked, failure)


async def _telling(worker: Worker, tell: Tell) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        status = worker.status
        tell(status.projection, status.position)
