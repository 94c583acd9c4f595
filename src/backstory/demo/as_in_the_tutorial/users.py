"""The user service as the tutorial writes it; see `Users`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from backstory import BackstoryError, Clock, EventStore, ReadModel, open_store, system_clock
from backstory.demo.app import CATEGORY
from backstory.demo.as_in_the_tutorial.app import users
from backstory.demo.as_in_the_tutorial.following import CatchUpFromTheStart
from backstory.demo.as_in_the_tutorial.projection import find_user, list_users, user_projection
from backstory.demo.events import UserCreated
from backstory.demo.run import Opened
from backstory.demo.settings import DemoSettings
from backstory.demo.times import written
from backstory.demo.users import Entry, Found, Health, NoHistory, UserView, Written

WARNING = "as in the tutorial: this variant doubles rows and loses events on purpose"
_log = logging.getLogger("backstory.demo")


class TutorialUsers:
    """Users with the tutorial's two bugs. What the tutorial does not do raises `NoHistory`."""

    def __init__(self, store: EventStore, read_model: ReadModel, *, clock: Clock) -> None:
        """Take over *store* and *read_model*, and begin to follow the one with the other."""
        self._store = store
        self._read_model = read_model
        self._clock = clock
        self._follower = CatchUpFromTheStart(store, read_model)
        self._appends: set[asyncio.Task[None]] = set()

    async def create(self, username: str, full_name: str, *, key: UUID | None) -> Written:  # noqa: ARG002 - the tutorial knows none
        """Answer before the event is stored; the second bug."""
        event = UserCreated(username, full_name, written(self._clock()))
        append = asyncio.create_task(self._append(event))
        self._appends.add(append)
        append.add_done_callback(self._appends.discard)
        return Written(username, full_name, 0, None)

    async def _append(self, event: UserCreated) -> None:
        try:
            encoded = users.schema.encode(event)
            await self._store.append(f"{CATEGORY}-{event.username}", [encoded])
        except BackstoryError as error:
            _log.warning("a user that was answered with 201 is lost: %s", error)

    async def rename(self, username: str, full_name: str, *, matches: int | None) -> NoReturn:  # noqa: ARG002 - not in the tutorial
        """Raise `NoHistory`."""
        raise NoHistory

    async def delete(self, username: str, *, matches: int | None) -> NoReturn:  # noqa: ARG002 - not in the tutorial
        """Raise `NoHistory`."""
        raise NoHistory

    async def find(self, username: str) -> Found | None:
        """Return the first row of the user; see `Users.find`."""
        view = await self._read_model.one(find_user, {"of_user": username}, into=_view)
        return None if view is None else Found(view, 0)

    async def find_as_of(self, username: str, moment: int | datetime) -> NoReturn:  # noqa: ARG002 - not in the tutorial
        """Raise `NoHistory`."""
        raise NoHistory

    async def page(self, *, after: int, limit: int) -> Sequence[UserView]:
        """Return the rows, doubled or not; see `Users.page`."""
        return await self._read_model.all(list_users, {"after": after, "most": limit}, into=_view)

    async def page_as_of(self, moment: int | datetime, *, after: int, limit: int) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Raise `NoHistory`."""
        raise NoHistory

    async def history(self, username: str, *, after: int, limit: int) -> Sequence[Entry]:  # noqa: ARG002 - not in the tutorial
        """Raise `NoHistory`."""
        raise NoHistory

    async def wait_for(self, position: int) -> None:
        """Return at once: nobody waits in the tutorial."""

    async def health(self) -> Health:
        """Return how far the follower has come; see `Users.health`."""
        head = await self._store.head()
        return Health(None, head, {user_projection.name: self._follower.following})

    async def close(self) -> None:
        """End everything, finished or not, and close both databases."""
        await self._follower.stop()
        for append in self._appends:
            append.cancel()
        await self._store.close()
        await self._read_model.close()


def _view(number: int, username: str, created_at: datetime, full_name: str) -> UserView:
    return UserView(number, username, written(created_at), full_name)


async def open_as_in_the_tutorial(settings: DemoSettings) -> Opened:
    """Return the users that *settings* name, kept as the tutorial keeps them."""
    _log.warning(WARNING)
    store_url, read_model_url = settings.store_url, settings.read_model_url
    store = await open_store(store_url)
    try:
        read_model = await ReadModel.open(read_model_url, schema=settings.schema)
        await read_model.prepare(user_projection)
    except BaseException:
        await store.close()
        raise
    service = TutorialUsers(store, read_model, clock=system_clock)
    return Opened(service, {"events": store_url, "read model": read_model_url})
