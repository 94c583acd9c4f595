"""Keeping the past at hand, for a service that answers questions about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from backstory.application import Application
from backstory.core.errors import InvalidInput
from backstory.core.history import History
from backstory.core.store import EventStore
from backstory.projections.read_model import ReadModel
from backstory.timemachine.locating import locate
from backstory.timemachine.moment import AtPosition, AtTime
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder

_KEPT: Final = 2
_FOR_EVER: Final = (1 << 63) - 1
"""Each session goes as far as the log does, whenever it is asked."""


class PastModels:
    """All read models of an application as they were, kept ready for a few moments at once.

        past = PastModels(application, store)
        async with past.at(4711) as read_model:
            rows = await read_model.all(list_users, {...})

    Each moment is made in a local copy, from the nearest snapshot and the events; the copy stays,
    so a moment nearby is at hand. There are as many copies as are kept, and whoever asks while all
    are in use waits. Use it from one event loop; `close` removes the copies.
    """

    def __init__(
        self,
        application: Application,
        store: EventStore,
        *,
        snapshots: Folder | None = None,
        keep: int = _KEPT,
    ) -> None:
        """Answer from what *store* holds, with *keep* copies; raises `InvalidInput` for none."""
        if keep < 1:
            message = f"at least one copy is kept, not {keep}"
            raise InvalidInput(message)
        self._application = application
        self._store = store
        self._snapshots = snapshots
        self._free: list[Session] = []
        self._made: list[Session] = []
        self._most = keep
        self._places = asyncio.Semaphore(keep)

    @asynccontextmanager
    async def at(self, moment: int | datetime) -> AsyncIterator[ReadModel]:
        """Give all read models as of a position, or of an aware time; read them, write nothing.

        Raises `MomentNotFound` for a position that the log has not reached, and what replaying
        raises. A projection that stopped at an event is shown as it stood there.
        """
        position = await self.position_of(moment)
        async with self._places:
            session = await self._session(position)
            try:
                yield await session.at(position)
            except BaseException:
                await session.forget()  # whatever happened to it, the next one begins afresh
                raise
            finally:
                self._free.append(session)

    async def position_of(self, moment: int | datetime) -> int:
        """Return the position that *moment* names; raises `MomentNotFound`."""
        at = AtTime(moment) if isinstance(moment, datetime) else AtPosition(moment)
        return (await locate(self._store, at)).position

    async def _session(self, position: int) -> Session:
        """Return a free session: the one that has the least to replay, or a new one."""
        before = [session for session in self._free if session.position <= position]
        if before or (self._free and len(self._made) >= self._most):
            chosen = max(before or self._free, key=lambda session: session.position)
            self._free.remove(chosen)
            return chosen
        session = Session(
            self._application,
            History(self._store, _FOR_EVER),
            snapshots=self._snapshots,
        )
        await session.__aenter__()
        self._made.append(session)
        return session

    async def close(self) -> None:
        """Remove every copy; nobody may be reading one."""
        made, self._made, self._free = self._made, [], []
        for session in made:
            await session.__aexit__(None, None, None)
