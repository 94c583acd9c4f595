"""Snapshots at many positions of a history, taken on the way of one replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from backstory.core.errors import SnapshotRefused
from backstory.core.read import BACKWARDS, Read
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.manifest import Manifest
from backstory.timemachine.snapshots.taking import take_snapshot


async def take_series(
    session: Session, folder: Folder, *, every: int | None = None
) -> AsyncIterator[Manifest]:
    """Take a snapshot at the end of the history of *session*, and one after *every* so many events.

    Those that are there already and can be trusted are left as they are where *every* is given.
    Yields each when it is complete. Raises `SnapshotRefused` when a projection stopped at an event,
    and what replaying and `take_snapshot` raise.
    """
    history = session.history
    there = set(folder.positions()) if every is not None else set()
    for position in _places(history.until, every):
        page = await history.read(Read(until=position, direction=BACKWARDS, limit=1))
        place = page[0].position if page else 0
        if place in there:
            continue
        model = await session.at(place)
        for stand in session.stands:
            if stand.failure is not None:
                message = (
                    f"{stand.projection!r} stopped before position {place}, so there is no "
                    f"snapshot of all: {stand.failure}"
                )
                raise SnapshotRefused(message)
        yield await take_snapshot(session.application, history, model, folder)


def _places(until: int, every: int | None) -> Iterator[int]:
    if every is not None:
        yield from range(every, until, every)
    yield until
