"""Drafting: from what was decided to what a store takes, and the state it will lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Generic
from uuid import UUID

import msgspec

from backstory.core.errors import InvalidEvent, SchemaError
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import NO_STREAM, Expected
from backstory.core.ids import IdSource
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.domain.context import COMMAND, Context
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.decision import Decision
from backstory.domain.loading import Folded, Loader
from backstory.domain.once import event_ids, events_of


class Draft(msgspec.Struct, Generic[Event, State], frozen=True):
    """What was decided on a thing as it was `folded`: the events as a store takes them.

    `state` is the one after them, as every later load will see it.
    """

    stream: str
    folded: Folded[State]
    decided: tuple[Event, ...]
    new: Sequence[NewEvent]
    state: State

    @property
    def expected(self) -> Expected:
        """Return what the append of the events expects: the stream as it was loaded."""
        revision = self.folded.revision
        return NO_STREAM if revision is None else revision

    def decision(self, appended: Appended | None) -> Decision[Event, State]:
        """Return the decision, once its events are *appended*; None when there are none."""
        if appended is None:
            return Decision((), self.state, self.folded.revision, self.folded.position, None)
        place = (appended.revision, appended.position)
        return Decision(self.decided, self.state, *place, appended)


class Drafting(Generic[Event, State]):
    """Drafts for the things of one decider, and what was drafted and stored before."""

    def __init__(
        self,
        store: EventStore,
        schema: Schema,
        decider: Decider[Command, Event, State],
        loader: Loader[Event, State],
        ids: IdSource,
    ) -> None:
        """Encode by *schema*, with ids from *ids*; find what is stored in *store*."""
        self.store = store
        self.loader = loader
        self.ids = ids
        self._schema = schema
        self._evolve = decider.evolve

    def draft(
        self,
        stream: str,
        folded: Folded[State],
        decided: Iterable[Event],
        metadata: Mapping[str, object],
        command_id: UUID | None,
    ) -> Draft[Event, State]:
        """Return the draft of *decided*; raises `InvalidEvent` when it could not be read back."""
        events = tuple(decided)
        if not events:
            return Draft(stream, folded, events, (), folded.state)
        encode, ids = self._schema.encode, self.ids
        if command_id is None:
            new = [encode(event, metadata=metadata, id=ids()) for event in events]
        else:
            new = [
                encode(event, metadata=metadata, id=event_id)
                for event, event_id in zip(events, event_ids(stream, command_id), strict=False)
            ]
        return Draft(stream, folded, events, new, self._state_after(folded, stream, new))

    def _state_after(self, folded: Folded[State], stream: str, new: Sequence[NewEvent]) -> State:
        """Return the state as every later load will see it: from what is written, read back.

        An event that can be written but not read would lock the stream for ever, so it is found
        here, before it is appended.
        """
        first = 0 if folded.revision is None else folded.revision + 1
        recorded = [
            _recorded(event, stream, revision, folded.position)
            for revision, event in enumerate(new, first)
        ]
        try:
            values = self.loader.decode_page(recorded)
        except SchemaError as error:
            message = f"a decided event could not be read back; nothing was written: {error}"
            raise InvalidEvent(message) from error
        return reduce(self._evolve, values, folded.state)

    async def settle(
        self, draft: Draft[Event, State], appended: Appended | None
    ) -> Decision[Event, State]:
        """Return the decision of a draft that is *appended*, after a snapshot where one is due."""
        keeper, count = self.loader.keeper, draft.folded.count + len(draft.new)
        if keeper is not None and appended is not None and keeper.due(count):
            last = _recorded(draft.new[-1], draft.stream, appended.revision, appended.position)
            types = draft.folded.types.union([event.type for event in draft.new])
            await keeper.keep(draft.state, last, types)
        return draft.decision(appended)

    async def earlier(
        self, stream: str, command_id: UUID, until: int
    ) -> Decision[Event, State] | None:
        """Return what the command came to when it was carried out before; None when it was not."""
        found = await events_of(self.store, stream, command_id, until)
        if not found:
            return None
        last = found[-1]
        then = await self.loader.load(stream, last.position)
        decided = tuple(self.loader.decode_page(found))
        appended = Appended(stream, last.revision, last.position)
        return Decision(decided, then.state, last.revision, last.position, appended)

    async def unchanged(self, stream: str, position: int) -> Decision[Event, State]:
        """Return the decision of nothing, as of *position*."""
        folded = await self.loader.load(stream, position)
        return Draft(stream, folded, (), (), folded.state).decision(None)


class Thing(Generic[Event, State]):
    """One thing of a repository, for a command on several; made by `Repository.thing`."""

    def __init__(self, stream: str, drafting: Drafting[Event, State]) -> None:
        """Name the thing by its *stream*."""
        self.stream: str = stream
        self.drafting = drafting


def described(context: Context, command: object) -> Mapping[str, object]:
    """Return the metadata of the events that follow from *command* in *context*."""
    return {COMMAND: type(command).__name__, **context.metadata()}


def _recorded(event: NewEvent, stream: str, revision: int, position: int) -> RecordedEvent:
    """Return *event* as a store would record it, but for the time."""
    raw = (event.type, event.data, event.metadata, event.id.bytes)
    return RecordedEvent(position, stream, revision, *raw, 0)
