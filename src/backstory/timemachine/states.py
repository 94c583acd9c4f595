"""States of single things, as their streams had made them at a moment."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from backstory.application import AnyDecider, Application
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.names import category_of
from backstory.core.read import Read
from backstory.core.reading import pages

_KEPT: Final = 200


class State(msgspec.Struct, frozen=True):
    """What the events of a stream up to `revision` come to; None: the stream had none yet."""

    value: object
    revision: int | None


class States:
    """Folds the streams of an application's deciders, at any position of a history.

    Keeps the states it was asked for last, so that going on in a stream folds only what is new.
    """

    def __init__(self, application: Application, history: History) -> None:
        """Fold what *history* holds with the deciders of *application*."""
        self._application = application
        self._history = history
        self._kept: OrderedDict[tuple[str, int], State] = OrderedDict()

    def decider_of(self, stream: str) -> AnyDecider | None:
        """Return the decider of *stream*, None when the application has none for its category."""
        return self._application.deciders.get(category_of(stream))

    async def at(self, stream: str, position: int) -> State | None:
        """Return the state of *stream* once everything up to *position* has happened.

        None without a decider. Raises what decoding and `evolve` raise.
        """
        decider = self.decider_of(stream)
        if decider is None:
            return None
        known = self._kept.get((stream, position))
        if known is not None:
            return known
        state = State(decider.initial, None)
        async for page in pages(self._history, Read(stream=stream, until=position)):
            for event in page:
                state = self._evolved(decider, state, event)
        return self._keep(stream, position, state)

    async def after(self, event: RecordedEvent, before: State) -> State:
        """Return the state after *event*, whose stream was at *before*; raises as `at` does."""
        decider = self.decider_of(event.stream)
        assert decider is not None  # noqa: S101 - it gave the state before
        state = self._evolved(decider, before, event)
        return self._keep(event.stream, event.position, state)

    def _evolved(self, decider: AnyDecider, state: State, event: RecordedEvent) -> State:
        value = decider.evolve(state.value, self._application.schema.decode(event))
        return State(value, event.revision)

    def _keep(self, stream: str, position: int, state: State) -> State:
        self._kept[stream, position] = state
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return state
