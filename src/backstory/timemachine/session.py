"""A session: one local copy of all read models, which can be moved to any moment of a history.

    nearest memo or snapshot ──> replay what lies between ──> the moment

A memo is a copy of the local file at a position. Moving on replays what lies between; moving back
begins with the nearest memo before, so neighbours of a moment that was looked at are at hand.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from sqlalchemy.engine import URL

from backstory.application import Application
from backstory.core.errors import InvalidInput
from backstory.core.history import History
from backstory.projections.read_model import ReadModel
from backstory.projections.sqlite import SqliteDatabase
from backstory.timemachine.asof import NOBODY, Stand, Tell, as_of, project
from backstory.timemachine.replay import PLAIN, Replay
from backstory.timemachine.snapshots.folder import Folder

_WORTH_A_MEMO: Final = 2_000
"""Events that were replayed for a moment, from which on a copy is cheaper the next time."""


class Session:
    """All read models of an application, at one moment of a history after the other.

    Everything is in one directory, which is removed at the end. Use it from one event loop, one
    call at a time, as `async with Session(…) as session`.
    """

    def __init__(
        self,
        application: Application,
        history: History,
        *,
        snapshots: Folder | None = None,
        behind: Mapping[str, int] = NOBODY,
        replay: Replay = PLAIN,
        tell: Tell | None = None,
    ) -> None:
        """Show *application* at moments of *history*; *snapshots* spare replaying from the start.

        Projections named in *behind* never get beyond that position. *replay* says how events are
        played, *tell* is told, now and then, which projection has come to which position.
        """
        self._application = application
        self._history = history
        # What was replayed in another way than once is in no snapshot.
        self._snapshots = snapshots if replay.deliveries == 1 else None
        self._behind = behind
        self._replay = replay
        self._tell = tell
        self._directory: TemporaryDirectory[str] | None = None
        self._memos: list[int] = []
        self._model: ReadModel | None = None
        self._position = 0
        self._stands: Sequence[Stand] = ()

    async def __aenter__(self) -> Self:
        """Make the directory."""
        self._directory = TemporaryDirectory(prefix="backstory-")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove everything."""
        await self._let_go()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def application(self) -> Application:
        """Return whose read models they are."""
        return self._application

    @property
    def history(self) -> History:
        """Return the history."""
        return self._history

    @property
    def replay(self) -> Replay:
        """Return how events are played."""
        return self._replay

    @property
    def position(self) -> int:
        """Return the position of the moment that is shown."""
        return self._position

    @property
    def stands(self) -> Sequence[Stand]:
        """Return how each projection stands at the moment that is shown."""
        return self._stands

    @property
    def memos(self) -> Sequence[int]:
        """Return the positions of which there are copies, lowest first."""
        return tuple(self._memos)

    async def at(self, position: int) -> ReadModel:
        """Return all read models as of *position*; whatever was returned before is closed.

        The read model is good until the next call. Nobody minds if it is written to: that is gone
        with the next move back. Raises `InvalidInput` for a position outside the history.
        """
        if not 0 <= position <= self._history.until:
            message = f"the history goes from 0 to {self._history.until}, not to {position}"
            raise InvalidInput(message)
        if self._model is None or position < self._position:
            await self._go_back(position)
        assert self._model is not None  # noqa: S101 - just opened
        replayed = position - self._position
        past = self._history.up_to(position)
        self._stands = await project(
            self._application,
            past,
            self._model,
            behind=self._behind,
            replay=self._replay,
            tell=self._tell,
        )
        self._position = position
        if replayed >= _WORTH_A_MEMO:
            await self.remember()
        return self._model

    async def remember(self) -> None:
        """Keep a copy of the moment that is shown, to come back to."""
        if self._model is None or self._position in self._memos:
            return
        await asyncio.to_thread(_copy_open, self._file, self._memo(self._position))
        insort(self._memos, self._position)

    async def forget(self) -> None:
        """Close what is shown; the next moment is made from a memo, a snapshot or the start."""
        await self._let_go()

    async def _go_back(self, position: int) -> None:
        await self._let_go()
        await asyncio.to_thread(_remove, self._file)
        place = bisect_right(self._memos, position)
        if place:
            self._position = self._memos[place - 1]
            await asyncio.to_thread(shutil.copyfile, self._memo(self._position), self._file)
            self._model = await self._open()
            return
        self._model = await self._open()
        self._position = 0
        if self._snapshots is not None:
            past = self._history.up_to(position)
            await as_of(
                self._application,
                past,
                self._model,
                snapshots=self._snapshots,
                behind=self._behind,
                replay=self._replay,
                tell=self._tell,
            )
            self._position = position

    async def _open(self) -> ReadModel:
        url = URL.create("sqlite", database=str(self._file))
        return await ReadModel.on(SqliteDatabase(url, alone=True))

    async def _let_go(self) -> None:
        if self._model is not None:
            await self._model.close()
            self._model = None

    @property
    def _file(self) -> Path:
        return self._place / "read-models.db"

    def _memo(self, position: int) -> Path:
        return self._place / f"{position}.db"

    @property
    def _place(self) -> Path:
        if self._directory is None:
            message = "a session is used as: async with Session(…) as session"
            raise InvalidInput(message)
        return Path(self._directory.name)


def _remove(file: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{file}{end}").unlink(missing_ok=True)


def _copy_open(file: Path, copy: Path) -> None:
    """Copy a SQLite database that is open elsewhere in this process."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
