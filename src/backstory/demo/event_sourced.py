"""Users kept as what happened to them: writes go to the event store, reads to a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

import msgspec

from backstory import (
    BackstoryError,
    Clock,
    Decision,
    EventStore,
    PastModels,
    Read,
    ReadModel,
    RecordedEvent,
    Repository,
    Telemetry,
    Worker,
    WrongExpectedRevision,
    events,
    open_store,
    system_clock,
)
from backstory.demo.app import CATEGORY, users
from backstory.demo.decider import (
    Command,
    CreateUser,
    DeleteUser,
    Event,
    NoSuchUser,
    RenameUser,
    User,
    user_decider,
)
from backstory.demo.events import UserCreated
from backstory.demo.following import Follower
from backstory.demo.observing import UNOBSERVED
from backstory.demo.projection import find_user, list_users, user_projection
from backstory.demo.times import written
from backstory.demo.users import (
    Entry,
    Found,
    Health,
    KeyReused,
    NoSuchPosition,
    PreconditionFailed,
    UserView,
    Written,
)

PATIENCE: Final = 2.0
"""Seconds a read waits for the read model before it gives up."""


class EventSourcedUsers:
    """The user service on an event store and a read model; see `Users`."""

    def __init__(
        self,
        store: EventStore,
        read_model: ReadModel,
        *,
        clock: Clock,
        telemetry: Telemetry = UNOBSERVED,
    ) -> None:
        """Take over *store* and *read_model*, and begin to follow the one with the other."""
        store = telemetry.observe_store(store)
        self._store = store
        self._read_model = read_model
        self._clock = clock
        repository: Repository[Command, Event, User | None] = Repository(
            store, users.schema, user_decider, category=CATEGORY
        )
        self._repository = telemetry.observe_repository(repository)
        worker = Worker(user_projection, schema=users.schema, store=store, read_model=read_model)
        telemetry.observe_worker(worker)
        self._follower = Follower(worker)
        self._past = PastModels(users, store)

    @classmethod
    async def open(
        cls,
        store_url: str,
        read_model_url: str,
        *,
        schema: str = "eventsourcing",
        clock: Clock = system_clock,
        telemetry: Telemetry = UNOBSERVED,
    ) -> EventSourcedUsers:
        """Return the service on what the URLs name; raises as `open_store` and `ReadModel.open`."""
        store = await open_store(store_url)
        try:
            read_model = await ReadModel.open(read_model_url, schema=schema)
            try:
                # Reads find the tables from the first request on, not from the first event on.
                await read_model.prepare(user_projection)
            except BaseException:
                await read_model.close()
                raise
        except BaseException:
            await store.close()
            raise
        return cls(store, read_model, clock=clock, telemetry=telemetry)

    async def create(self, username: str, full_name: str, *, key: UUID | None) -> Written:
        """Create a user; see `Users.create`."""
        command = CreateUser(username, full_name, written(self._clock()))
        # Most users are new, so the append itself asks whether this one is: no read before it.
        decision = await self._repository.execute(
            username, command, assume_new=True, command_id=key
        )
        for event in decision.events:
            if isinstance(event, UserCreated) and event.fullName != full_name:
                raise KeyReused
        return _written(username, full_name, decision)

    async def rename(self, username: str, full_name: str, *, matches: int | None) -> Written:
        """Rename a user; see `Users.rename`."""
        decision = await self._change(username, RenameUser(full_name), matches)
        return _written(username, full_name, decision)

    async def delete(self, username: str, *, matches: int | None) -> Written:
        """Delete a user; see `Users.delete`."""
        decision = await self._change(username, DeleteUser(), matches)
        return _written(username, "", decision)

    async def _change(
        self, username: str, command: Command, matches: int | None
    ) -> Decision[Event, User | None]:
        try:
            return await self._repository.execute(username, command, expected=matches)
        except WrongExpectedRevision as error:
            # A precondition counts only for a request that would do something without it.
            if (await self._repository.load(username)).state is None:
                raise NoSuchUser from error
            raise PreconditionFailed from error

    async def find(self, username: str) -> Found | None:
        """Return a user from the read model; see `Users.find`."""
        return await self._read_model.find(find_user, username, into=_found)

    async def find_as_of(self, username: str, moment: int | datetime) -> Found | None:
        """Return a user as the fold of its stream up to *moment*; see `Users.find_as_of`.

        The number of a user is the read model's, so it is None unless the same user is there now.
        """
        if isinstance(moment, datetime):
            until = await self._position_at(username, moment)
        else:
            until = moment
            await self._check_position(until)
        loaded = await self._repository.load(username, until=until)
        user = loaded.state
        if user is None or loaded.revision is None:
            return None
        now = await self.find(username)
        same = now is not None and now.view.createdAt == user.opened_at
        number = now.view.id if now is not None and same else None
        view = UserView(number, username, user.opened_at, user.full_name)
        return Found(view, loaded.revision)

    async def _position_at(self, username: str, moment: datetime) -> int:
        """Return the position of the user's last event at *moment*, 0 when there was none."""
        position = 0
        stream = self._repository.stream_of(username)
        async for event in events(self._store, Read(stream=stream)):
            if event.recorded_at <= moment:
                position = event.position
        return position

    async def page(self, *, after: int, limit: int) -> Sequence[UserView]:
        """Return users from the read model; see `Users.page`."""
        return await self._read_model.all(list_users, {"after": after, "most": limit}, into=_view)

    async def page_as_of(
        self, moment: int | datetime, *, after: int, limit: int
    ) -> Sequence[UserView]:
        """Return users from the read model as it was; see `Users.page_as_of`."""
        if not isinstance(moment, datetime):
            await self._check_position(moment)
        async with self._past.at(moment) as read_model:
            return await read_model.all(list_users, {"after": after, "most": limit}, into=_view)

    async def history(self, username: str, *, after: int, limit: int) -> Sequence[Entry]:
        """Return the events of the user's stream; see `Users.history`."""
        stream = self._repository.stream_of(username)
        page = await self._store.read(Read(stream=stream, after=after, limit=limit))
        return [_entry(event) for event in page]

    async def wait_for(self, position: int) -> None:
        """Wait for the read model, `PATIENCE` seconds at most; see `Users.wait_for`."""
        if position > self._follower.position:
            await self._check_position(position)
            await self._follower.wait_for(position, PATIENCE)

    async def _check_position(self, position: int) -> None:
        head = await self._store.head()
        if position > head:
            raise NoSuchPosition(position, head)

    async def health(self) -> Health:
        """Ask the store and the read model; see `Users.health`."""
        reason, head = None, None
        try:
            head = await self._store.head()
            await self._read_model.checkpoint(user_projection.name)
        except BackstoryError as error:
            reason = str(error)
        following = self._follower.following
        if head is not None:
            lag = max(0, head - following.position)
            following = msgspec.structs.replace(following, lag=lag)
        return Health(reason or following.failure, head, {user_projection.name: following})

    async def close(self) -> None:
        """Finish the batch under way and close both databases; see `Users.close`."""
        await self._follower.stop()
        await self._past.close()
        await self._store.close()
        await self._read_model.close()


def _written(username: str, full_name: str, decision: Decision[Event, User | None]) -> Written:
    assert decision.revision is not None  # noqa: S101 - every command needs or makes a stream
    return Written(username, full_name, decision.revision, decision.position)


def _view(number: int, username: str, created_at: datetime, full_name: str) -> UserView:
    return UserView(number, username, written(created_at), full_name)


def _found(
    number: int, username: str, created_at: datetime, full_name: str, revision: int
) -> Found:
    return Found(UserView(number, username, written(created_at), full_name), revision)


def _entry(event: RecordedEvent) -> Entry:
    # To the microsecond, so that `?as_of=` with this very time includes the event.
    at = event.recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    data = cast("dict[str, object]", event.json())
    return Entry(event.type, data, at, event.position, event.revision, event.meta())
