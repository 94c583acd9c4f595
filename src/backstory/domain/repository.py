"""The repository: load a thing from its stream, and carry out commands on it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import islice
from typing import Generic
from uuid import UUID

import msgspec

from backstory.core.errors import (
    InvalidEvent,
    InvalidInput,
    InvalidName,
    SchemaError,
    TooManyConflicts,
)
from backstory.core.events import Appended, NewEvent, RecordedEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
    check_expected,
)
from backstory.core.ids import IdSource, uuid7
from backstory.core.names import category_of, check_stream_name
from backstory.core.schema import Schema
from backstory.core.store import EventStore
from backstory.domain.context import COMMAND, Context
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.loading import Folded, Loader
from backstory.domain.once import append_once, event_ids, events_of
from backstory.domain.snapshots import SnapshotPolicy

_PAUSE = 0.002


class Loaded(msgspec.Struct, Generic[State], frozen=True):
    """A thing as it was loaded: its state, and the revision and position the state is of.

    Without a stream the state is the decider's initial one, revision None and position 0.
    """

    state: State
    revision: int | None
    position: int


class Decision(msgspec.Struct, Generic[Event, State], frozen=True):
    """What came of a command: the events decided, the state after them, and where they stand.

    `appended` is None when the decider had nothing to say; the rest then tells what was loaded.
    """

    events: tuple[Event, ...]
    state: State
    revision: int | None
    position: int
    appended: Appended | None


class Repository(Generic[Command, Event, State]):
    """Things of one category, each the fold of its own stream `<category>-<key>`.

    It holds no state of its own, so one may serve every task, and several processes may work on
    the same streams: what they decide at once is put in order by the store.
    """

    def __init__(
        self,
        store: EventStore,
        schema: Schema,
        decider: Decider[Command, Event, State],
        *,
        category: str,
        attempts: int = 5,
        snapshots: SnapshotPolicy | None = None,
        ids: IdSource = uuid7,
    ) -> None:
        """Serve the streams of *category*.

        *attempts* bounds how often a command is decided anew after a conflict. Raises `InvalidName`
        for a category with a `-` in it (it ends at the first one), `InvalidInput` for no attempts.
        """
        if category_of(check_stream_name(category)) != category:
            message = f"a category ends at the first '-', so {category!r} cannot be one"
            raise InvalidName(message)
        if attempts < 1:
            message = f"a command needs at least one attempt, not {attempts}"
            raise InvalidInput(message)
        self._store = store
        self._schema = schema
        self._decider = decider
        self._category = category
        self._attempts = attempts
        self._ids = ids
        self._loader = Loader(store, schema, decider, snapshots)

    def stream_of(self, key: str) -> str:
        """Return the name of the stream of *key*; raises `InvalidName` when there can be none."""
        text: object = key  # an int would make a name, but not the one its text makes elsewhere
        if not isinstance(text, str) or not text.strip():
            message = f"a key is text with at least one visible character, not {key!r}"
            raise InvalidName(message)
        return check_stream_name(f"{self._category}-{key}")

    async def load(self, key: str, *, until: int | None = None) -> Loaded[State]:
        """Return the state of *key*, as of the position *until* when one is given.

        A key without a stream has the decider's initial state. Raises `InvalidName` for a key that
        cannot name a stream, `SchemaError` for an event the schema cannot read, and what `evolve`
        and the store raise.
        """
        folded = await self._loader.load(self.stream_of(key), until)
        return Loaded(folded.state, folded.revision, folded.position)

    async def execute(
        self,
        key: str,
        command: Command,
        *,
        context: Context | None = None,
        expected: Expected | None = None,
        command_id: UUID | None = None,
    ) -> Decision[Event, State]:
        """Load *key*, let the decider decide *command*, and append what it decides.

        When another writer comes in between, the thing is loaded and the command decided anew. When
        the answer of the store gets lost, the same append is repeated. When it returns, the events
        are stored; when it raises (`OutcomeUnknown` aside), nothing was written.

        *expected* is what the caller saw (`If-Match`): the command is only decided on a stream that
        meets it. *context* says who asks and why; without one a new correlation starts.

        *command_id*, chosen by the caller, makes the command safe to send again: when an event of
        it stands in the stream already, nothing is decided or checked and the answer is that of the
        first time. That costs a read of the whole stream. It protects only commands that lead to
        events, and is meant for one command to one key.

        Raises what the decider raises, `WrongExpectedRevision` when *expected* is not met,
        `TooManyConflicts`, `InvalidEvent` when a decided event could not be read back,
        `OutcomeUnknown` (send it again with the same *command_id*), and as `load` does.
        """
        order = _Order(
            stream=self.stream_of(key),
            command=command,
            metadata=_complete(context or Context.start(ids=self._ids), command),
            required=ANY if expected is None else check_expected(expected),
            command_id=command_id,
        )
        for attempt in range(self._attempts):
            if attempt:  # contenders spread out, so that fewer of them meet again
                await asyncio.sleep(random.random() * _PAUSE * 2**attempt)  # noqa: S311 - no secret
            decision = await self._attempt(order)
            if decision is not None:
                return decision
        raise TooManyConflicts(stream=order.stream, attempts=self._attempts)

    async def _attempt(self, order: _Order[Command]) -> Decision[Event, State] | None:
        """Return the decision; None when another writer came in between."""
        folded = await self._loader.load(order.stream)
        if order.command_id is not None and folded.last is not None:
            earlier = await self._carried_out(order.stream, order.command_id, folded.position)
            if earlier is not None:
                return earlier
        _require(order, folded.revision)
        decided = tuple(self._decider.decide(order.command, folded.state))
        if not decided:
            return Decision((), folded.state, folded.revision, folded.position, None)
        new = self._encoded(order, decided)
        state = self._state_after(folded, order.stream, new)
        expected = NO_STREAM if folded.revision is None else folded.revision
        try:
            appended = await append_once(self._store, order.stream, new, expected=expected)
        except WrongExpectedRevision:
            return None
        last = _recorded(new[-1], order.stream, appended.revision, appended.position)
        await self._loader.keep(Folded(state, last, folded.count + len(new)))
        return Decision(decided, state, appended.revision, appended.position, appended)

    async def _carried_out(
        self, stream: str, command_id: UUID, until: int
    ) -> Decision[Event, State] | None:
        """Return what the command came to when it was carried out before; None when it was not."""
        found = await events_of(self._store, stream, command_id, until)
        if not found:
            return None
        last = found[-1]
        then = await self._loader.load(stream, last.position)
        decided = tuple(self._loader.decode_page(found))
        appended = Appended(stream, last.revision, last.position)
        return Decision(decided, then.state, last.revision, last.position, appended)

    def _encoded(self, order: _Order[Command], decided: Sequence[Event]) -> list[NewEvent]:
        if order.command_id is None:
            ids = [self._ids() for _ in decided]
        else:
            ids = list(islice(event_ids(order.stream, order.command_id), len(decided)))
        return [
            self._schema.encode(event, metadata=order.metadata, id=event_id)
            for event, event_id in zip(decided, ids, strict=True)
        ]

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
            values = self._loader.decode_page(recorded)
        except SchemaError as error:
            message = f"a decided event could not be read back; nothing was written: {error}"
            raise InvalidEvent(message) from error
        return reduce(self._decider.evolve, values, folded.state)


class _Order(msgspec.Struct, Generic[Command], frozen=True):
    """A command with all that stays the same over its attempts."""

    stream: str
    command: Command
    metadata: Mapping[str, object]
    required: Expected
    command_id: UUID | None


def _complete(context: Context, command: object) -> Mapping[str, object]:
    named = {COMMAND: type(command).__name__}
    return {**named, **context.metadata()}


def _require(order: _Order[Command], actual: int | None) -> None:
    required = order.required
    if required is STREAM_EXISTS:
        met = actual is not None
    else:
        met = required is ANY or actual == (None if required is NO_STREAM else required)
    if not met:
        raise WrongExpectedRevision(stream=order.stream, expected=required, actual=actual)


def _recorded(event: NewEvent, stream: str, revision: int, position: int) -> RecordedEvent:
    """Return *event* as a store would record it, but for the time."""
    raw = (event.type, event.data, event.metadata, event.id.bytes)
    return RecordedEvent(position, stream, revision, *raw, 0)
