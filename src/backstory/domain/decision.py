"""What a repository answers: a thing as it was loaded, and what came of a command."""

from __future__ import annotations

from typing import Generic

import msgspec

from backstory.core.events import Appended
from backstory.domain.decider import Event, State


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
