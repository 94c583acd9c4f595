"""The repository: load a thing from its stream, and carry out commands on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic
from uuid import UUID

import msgspec

from backstory.core.ambient import correlated
from backstory.core.errors import InvalidInput, InvalidName, TooManyConflicts
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
from backstory.domain.context import Context
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.decision import Decision, Loaded
from backstory.domain.drafting import Draft, Drafting, Thing, described
from backstory.domain.loading import Folded, Loader
from backstory.domain.once import pause_before, until_answered
from backstory.domain.snapshots import SnapshotPolicy


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
        self._decider = decider
        self._category = category
        self._attempts = attempts
        loader = Loader(store, schema, decider, snapshots)
        self._drafting = Drafting(store, schema, decider, loader, ids)

    def stream_of(self, key: str) -> str:
        """Return the name of the stream of *key*; raises `InvalidName` when there can be none."""
        text: object = key  # an int would make a name, but not the one its text makes elsewhere
        if not isinstance(text, str) or not text.strip():
            message = f"a key is text with at least one visible character, not {key!r}"
            raise InvalidName(message)
        return check_stream_name(f"{self._category}-{key}")

    def thing(self, key: str) -> Thing[Event, State]:
        """Return the thing of *key* for `execute_together`; raises `InvalidName`."""
        return Thing(self.stream_of(key), self._drafting)

    async def load(self, key: str, *, until: int | None = None) -> Loaded[State]:
        """Return the state of *key*, as of the position *until* when one is given.

        A key without a stream has the decider's initial state. Raises `InvalidName` for a key that
        cannot name a stream, `SchemaError` for an event the schema cannot read, and what `evolve`
        and the store raise.
        """
        folded = await self._drafting.loader.load(self.stream_of(key), until)
        return Loaded(folded.state, folded.revision, folded.position)

    async def execute(
        self,
        key: str,
        command: Command,
        *,
        context: Context | None = None,
        expected: Expected | None = None,
        assume_new: bool = False,
        command_id: UUID | None = None,
    ) -> Decision[Event, State]:
        """Load *key*, let the decider decide *command*, and append what it decides.

        When another writer comes in between, the thing is loaded and the command decided anew. When
        the answer of the store gets lost, the same append is repeated. When it returns, the events
        are stored; when it raises (`OutcomeUnknown` aside), nothing was written.

        *expected* is what the caller saw (`If-Match`): the command is only decided on a stream that
        meets it. *context* says who asks and why; without one a new correlation starts.

        *assume_new* saves the load where most things do not exist yet: the command is decided on
        the initial state first, and the append itself asks whether the stream is missing. When it
        is not, or when the decider refuses or has nothing to say, the thing is loaded and the
        command decided as ever. It is a hint and changes no outcome; `expected=NO_STREAM` takes it
        by itself, a *command_id* leaves it aside.

        *command_id*, chosen by the caller, makes the command safe to send again: when an event of
        it stands in the stream already, nothing is decided or checked and the answer is that of the
        first time. That costs a read of the whole stream. It protects only commands that lead to
        events, and is meant for one command to one key.

        Raises what the decider raises, `WrongExpectedRevision` when *expected* is not met,
        `TooManyConflicts`, `InvalidEvent` when a decided event could not be read back,
        `OutcomeUnknown` (send it again with the same *command_id*), and as `load` does.
        """
        circumstances = context or Context.start(ids=self._drafting.ids)
        order = _Order(
            stream=self.stream_of(key),
            command=command,
            metadata=described(circumstances, command),
            required=ANY if expected is None else check_expected(expected),
            command_id=command_id,
        )
        with correlated(circumstances.correlation_id):
            return await self._carry_out(order, assume_new=assume_new)

    async def _carry_out(
        self, order: _Order[Command], *, assume_new: bool
    ) -> Decision[Event, State]:
        if order.may_be_new(assumed=assume_new):
            decision = await self._decide_unseen(order)
            if decision is not None:
                return decision
        for attempt in range(self._attempts):
            await pause_before(attempt)
            decision = await self._attempt(order)
            if decision is not None:
                return decision
        raise TooManyConflicts(stream=order.stream, attempts=self._attempts)

    async def _decide_unseen(self, order: _Order[Command]) -> Decision[Event, State] | None:
        """Return the decision on a stream that does not exist; None when only a load can tell."""
        unseen = Folded(self._decider.initial, None, 0)
        try:
            draft = self._draft(order, unseen)
        except Exception:  # noqa: BLE001 - whatever the decider raises counts on the loaded state
            return None
        return await self._append(draft) if draft.new else None

    async def _attempt(self, order: _Order[Command]) -> Decision[Event, State] | None:
        """Return the decision; None when another writer came in between."""
        folded = await self._drafting.loader.load(order.stream)
        if order.command_id is not None and folded.last is not None:
            earlier = await self._drafting.earlier(order.stream, order.command_id, folded.position)
            if earlier is not None:
                return earlier
        _require(order, folded.revision)
        draft = self._draft(order, folded)
        return await self._append(draft) if draft.new else draft.decision(None)

    def _draft(self, order: _Order[Command], folded: Folded[State]) -> Draft[Event, State]:
        decided = self._decider.decide(order.command, folded.state)
        return self._drafting.draft(order.stream, folded, decided, order.metadata, order.command_id)

    async def _append(self, draft: Draft[Event, State]) -> Decision[Event, State] | None:
        store = self._drafting.store
        try:
            appended = await until_answered(
                lambda: store.append(draft.stream, draft.new, expected=draft.expected)
            )
        except WrongExpectedRevision:
            return None
        return await self._drafting.settle(draft, appended)


class _Order(msgspec.Struct, Generic[Command], frozen=True):
    """A command with all that stays the same over its attempts."""

    stream: str
    command: Command
    metadata: Mapping[str, object]
    required: Expected
    command_id: UUID | None

    def may_be_new(self, *, assumed: bool) -> bool:
        """Tell whether to try without a load first."""
        if self.command_id is not None:  # whether it was carried out before, only a load can tell
            return False
        return self.required is NO_STREAM or (assumed and self.required is ANY)


def _require(order: _Order[Command], actual: int | None) -> None:
    required = order.required
    if required is STREAM_EXISTS:
        met = actual is not None
    else:
        met = required is ANY or actual == (None if required is NO_STREAM else required)
    if not met:
        raise WrongExpectedRevision(stream=order.stream, expected=required, actual=actual)
