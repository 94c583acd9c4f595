"""What decides which state events lead to, and states as JSON for as long as it is the same."""

from __future__ import annotations

from types import UnionType
from typing import Generic, cast

from backstory.core import encoding
from backstory.core.decoding import decoder_for
from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.core.fingerprint import fingerprint
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Command, Decider, Event, State
from backstory.domain.snapshots import Snapshot

_NULL = b"null"


class Fold(Generic[State]):
    """The folding of events to a state, as a hash of all that decides what comes out.

    That is the initial state, the code of `evolve`, the type of the state, and the event types
    folded: their Python types, versions and upcasters. A type that was not folded decides nothing.
    """

    def __init__(
        self, decider: Decider[Command, Event, State], schema: Schema, state: type | UnionType
    ) -> None:
        """Fold with *decider* what *schema* decodes to states of type *state*."""
        self._folding = (decider.evolve, decider.initial, state)
        self._schema = schema
        self._known: dict[frozenset[str], str] = {}

    def over(self, types: frozenset[str]) -> str:
        """Return the hash of folding events of *types*; raises `UnknownEventType`."""
        known = self._known.get(types)
        if known is None:
            folded = [(name, *_meaning(self._schema.type_named(name))) for name in sorted(types)]
            # Whatever was folded, the same code is followed.
            everything = [_meaning(of) for of in self._schema.types]
            known = fingerprint(*self._folding, *folded, within=everything)
            self._known[types] = known
        return known


def _meaning(of: EventType) -> tuple[object, ...]:
    return of.version, of.python, *sorted(of.upcasters.items())


class StateCodec(Generic[State]):
    """States as JSON and back, for one fold; it vouches that nothing is lost on the way."""

    def __init__(self, state: type | UnionType, fold: Fold[State]) -> None:
        """Serve states of type *state* made by *fold*."""
        self._fold = fold
        self._decode = decoder_for(cast("type", state))

    def trusts(self, snapshot: Snapshot) -> bool:
        """Tell whether today's fold made *snapshot*; raises `UnknownEventType`."""
        return snapshot.fold == self._fold.over(frozenset(snapshot.types))

    def snapshot(self, state: State, last: RecordedEvent, types: frozenset[str]) -> Snapshot:
        """Return the snapshot of *state*, made of events of *types* the last of which was *last*.

        Raises `InvalidInput` when the state does not come back from JSON as it was.
        """
        raw = encoding.encode(state)
        back = self.restore(raw)
        if back != state or encoding.encode(back) != raw:
            message = f"a {type(state).__name__} does not come back from JSON as it was"
            raise InvalidInput(message)
        return Snapshot(
            stream=last.stream,
            revision=last.revision,
            position=last.position,
            event_id=last.id_bytes,
            fold=self._fold.over(types),
            state=raw,
            types=tuple(sorted(types)),
        )

    def restore(self, raw: bytes) -> State:
        """Return the state in *raw*; raises what the library of the type raises."""
        return cast("State", None if raw == _NULL else self._decode(raw))
