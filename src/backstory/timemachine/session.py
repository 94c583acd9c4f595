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
from backstory.timemachine.asof import NOBODY, Stand, Tell, begin, project
from backstory.timemachine.replay import PLAIN, Replay
from backstory.timemachine.snapshots.folder import Folder

_WORTH_A_MEMO: Final = 2_000
"""Events that were replayed for a moment, from which on a copy is cheaper the next time."""

_MARGIN: Final = 100
"""How many events before the moment the copy is of."""

_FAR: Final = 100_000
"""Events from which on a snapshot is worth more than going on from what there is."""


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
    def behind(self) -> Mapping[str, int]:
        """Return which projections lagged, and the positions that they had applied."""
        return self._behind

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
        restored = False
        if self._model is None or position < self._position or self._is_far(position):
            restored = await self._go_back(position)
        if restored or position - self._position >= _WORTH_A_MEMO:
            # A little earlier than asked for, so that the neighbours before it are at hand, too.
            await self._project(max(self._position, position - _MARGIN))
            await self.remember()
        return await self._project(position)

    def _is_far(self, position: int) -> bool:
        """Say whether a snapshot might be nearer than what is shown."""
        return self._snapshots is not None and position - self._position > _FAR

    async def _project(self, position: int) -> ReadModel:
        assert self._model is not None  # noqa: S101 - just opened
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
        return self._model

    async def remember(self) -> None:
        """Keep a copy of the moment that is shown, to come back to."""
        if self._model is None or self._position in self._memos:
            return
        await asyncio.to_thread(_copy_open, self._file, self._memo(self._position))
        insort(self._memos, self._position)

    async def copy_to(self, path: Path) -> None:
        """Copy the moment that is shown to a SQLite file at *path*, where there is none yet."""
        await asyncio.to_thread(_copy_open, self._file, path)

    async def forget(self) -> None:
        """Close what is shown; the next moment is made from a memo, a snapshot or the start."""
        await self._let_go()

    async def _go_back(self, position: int) -> bool:
        """Begin with the nearest memo or snapshot before *position*, or with nothing.

        Returns whether it was a snapshot.
        """
        await self._let_go()
        await asyncio.to_thread(_remove, self._file)
        place = bisect_right(self._memos, position)
        memo = self._memos[place - 1] if place else 0
        self._position = 0
        if not memo or (self._snapshots is not None and position - memo > _FAR):
            self._model = await self._open()
            began, anew = await begin(
                self._application,
                self._history.up_to(position),
                self._model,
                self._snapshots,
                behind=self._behind,
                beyond=memo,
            )
            if began is not None and not anew:
                self._position = began
            if began is not None or not memo:
                return began is not None
            await self._let_go()
            await asyncio.to_thread(_remove, self._file)
        await asyncio.to_thread(shutil.copyfile, self._memo(memo), self._file)
        self._model = await self._open()
        self._position = memo
        return False

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
