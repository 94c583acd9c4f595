"""Blaming states: the event of a stream that made what stands at a path of its state."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from backstory.application import Application
from backstory.core.errors import InvalidSetting
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import MAX_LIMIT, Read
from backstory.core.reading import pages
from backstory.timemachine.blaming.places import Place, beginning_of
from backstory.timemachine.diffing.parts import plain, text_of
from backstory.timemachine.diffing.paths import MISSING, steps_of, value_at
from backstory.timemachine.states import State, States

MOST_CHANGES: Final = 20_000


class PathBlame(msgspec.Struct, frozen=True):
    """The event that changed what is at a path, and where the function begins that folded it.

    `before` and `after` are the values there as JSON has them, with the classes of objects, and
    `MISSING` where the path led nowhere.
    """

    event: RecordedEvent
    place: Place | None
    before: object
    after: object


async def blame_path(
    application: Application,
    history: History,
    stream: str,
    path: str,
    position: int,
    *,
    every: bool = False,
) -> Sequence[PathBlame]:
    """Return what gave *path* of the state of *stream* its value at *position*, newest first.

    With *every*, each change that it ever had, of more than 20,000 the last; none when it never
    was another than it is before the first event. The empty path is the whole state. An index into
    a list means whatever stands there after each event. The line within `evolve` is not known.

    Raises `InvalidInput` for what is no path, `InvalidSetting` for a stream without a decider, and
    what decoding and `evolve` raise.
    """
    steps = steps_of(path)
    states = States(application, history)
    decider = states.decider_of(stream)
    if decider is None:
        known = ", ".join(f"{category}-…" for category in application.deciders) or "none"
        message = f"application {application.name!r} has no decider for {stream!r}; it has {known}"
        raise InvalidSetting(message)
    place = beginning_of(decider.evolve)
    found: deque[PathBlame] = deque(maxlen=MOST_CHANGES if every else 1)
    state = State(decider.initial, None)
    before = _seen(value_at(state.value, steps))
    async for page in pages(history, Read(stream=stream, until=position, limit=MAX_LIMIT)):
        for event in page:
            state = await states.after(event, state)
            after = _seen(value_at(state.value, steps))
            if before.text != after.text:
                found.append(PathBlame(event, place, before.value, after.value))
            before = after
    return tuple(reversed(found))


class _Seen(msgspec.Struct, frozen=True):
    """A value as it was: a fold may change a list in place later. Equal ones have equal texts."""

    value: object
    text: str | None


def _seen(value: object) -> _Seen:
    if value is MISSING:
        return _Seen(MISSING, None)
    return _Seen(plain(value, classes=True), text_of(value))
