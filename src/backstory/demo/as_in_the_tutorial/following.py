"""Following events as the tutorial does: from the first one, at every start, into plain INSERTs."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy import Connection

from backstory import BackstoryError, EventStore, Read, ReadModel, RecordedEvent
from backstory.demo.as_in_the_tutorial.app import users
from backstory.demo.as_in_the_tutorial.projection import user_projection
from backstory.demo.users import Following

_WAIT: Final = 5.0
_PAUSE: Final = 1.0
_log = logging.getLogger("backstory.demo")


class CatchUpFromTheStart:
    """Applies every event there is, and then those that come, in a task; keeps no checkpoint."""

    def __init__(self, store: EventStore, read_model: ReadModel) -> None:
        """Begin to follow *store*."""
        self._store = store
        self._read_model = read_model
        self.position: int = 0
        self._task = asyncio.create_task(self._run(), name="follower")

    @property
    def following(self) -> Following:
        """Return how far it has come."""
        return Following("running", self.position, 0, 0, None)

    async def _run(self) -> None:
        while True:
            try:
                page = await self._store.read(Read(after=self.position))
                for event in page:
                    await asyncio.to_thread(self._read_model.write, _Applying(event).write)
                    self.position = event.position
                if not page:
                    await self._store.wait(self.position, _WAIT)
            except BackstoryError as error:
                _log.warning("an event was not applied: %s", error)
                await asyncio.sleep(_PAUSE)

    async def stop(self) -> None:
        """End it, wherever it is."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class _Applying:
    """Runs the handler of one event, the very one that a replay runs."""

    def __init__(self, event: RecordedEvent) -> None:
        self._event = event

    def write(self, connection: Connection) -> None:
        """Execute what the handler yields."""
        value = users.schema.decode(self._event)
        handler = user_projection.handlers.get(type(value))
        for write in (handler.function(value, self._event) if handler else None) or ():
            statement, parameters = write if isinstance(write, tuple) else (write, {})
            connection.execute(statement, dict(parameters))
