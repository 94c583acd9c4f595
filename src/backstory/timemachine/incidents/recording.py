"""Recording a failure where it happens.

incidents = Incidents(application, store, read_model)
async with incidents.around(stream="order-7", command=command):
    await orders.execute("7", command)
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import msgspec

from backstory.application import Application
from backstory.core import encoding
from backstory.core.ambient import correlation
from backstory.core.clock import Clock, system_clock
from backstory.core.errors import BackstoryError, CommandRejected, InvalidEvent
from backstory.core.events import NewEvent
from backstory.core.ids import IdSource, uuid7
from backstory.core.read import BACKWARDS, Read
from backstory.core.store import EventStore
from backstory.projections.read_model import ReadModel
from backstory.timemachine.captures.code import CodeVersion, code_version
from backstory.timemachine.incidents.incident import TYPE, FailedCommand, Incident, stream_of

_MOST_TEXT: Final = 20_000
_log = logging.getLogger("backstory.incidents")


class Incidents:
    """Records failures of one application in its own store."""

    def __init__(
        self,
        application: Application,
        store: EventStore,
        read_model: ReadModel | None = None,
        *,
        clock: Clock = system_clock,
        ids: IdSource = uuid7,
    ) -> None:
        """Record in *store*; with a *read_model*, how far its projections had come, too."""
        self._application = application
        self._store = store
        self._read_model = read_model
        self._clock = clock
        self._ids = ids
        self._code: CodeVersion | None = None

    @asynccontextmanager
    async def around(
        self, *, stream: str | None = None, command: object = None, check: str | None = None
    ) -> AsyncIterator[None]:
        """Record whatever is raised inside the block, add a note that names it, and let it pass.

        Not recorded is what is no fault: a `CommandRejected`, a cancellation. When recording itself
        fails, that is logged, and the error of the block passes as it is.
        """
        revision = await self._revision(stream)
        try:
            yield
        except CommandRejected:
            raise
        except Exception as error:
            failed = self._command(stream, command, revision)
            try:
                incident = await self.record(error, command=failed, check=check)
            except (BackstoryError, OSError) as second:
                _log.warning("the incident could not be recorded: %s", second)
            else:
                error.add_note(f"backstory reproduce SOURCE --at incident:{incident}")
            raise

    async def record(
        self,
        error: BaseException,
        *,
        command: FailedCommand | None = None,
        check: str | None = None,
    ) -> UUID:
        """Record that *error* happened, and return the incident's id.

        Raises what reading and appending raise.
        """
        if self._code is None:
            self._code = await asyncio.to_thread(code_version)
        incident = Incident(
            id=self._ids(),
            application=self._application.name,
            error=_name_of(type(error)),
            message=str(error)[:_MOST_TEXT],
            traceback="".join(traceback.format_exception(error))[-_MOST_TEXT:],
            happened_at=self._clock(),
            position=await self._store.head(),
            checkpoints=await self._checkpoints(),
            correlation=correlation(),
            code=self._code,
            command=command,
            check=check,
        )
        event = NewEvent(TYPE, encoding.encode(incident), id=incident.id)
        await self._store.append(stream_of(incident.id), [event])
        return incident.id

    async def _checkpoints(self) -> dict[str, int]:
        if self._read_model is None:
            return {}
        model = self._read_model
        return {one.name: await model.checkpoint(one.name) for one in self._application.projections}

    async def _revision(self, stream: str | None) -> int | None:
        if stream is None:
            return None
        page = await self._store.read(Read(stream=stream, direction=BACKWARDS, limit=1))
        return page[0].revision if page else None

    @staticmethod
    def _command(stream: str | None, command: object, revision: int | None) -> FailedCommand | None:
        if stream is None or command is None:
            return None
        try:
            fields = encoding.encode(command)
        except InvalidEvent:
            fields = encoding.encode(repr(command))
        return FailedCommand(
            stream=stream,
            command=_name_of(type(command)),
            fields=msgspec.Raw(fields),
            revision=revision,
        )


def _name_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"
