"""A group of appends as one call of the server: gathered, encoded, and each told its outcome.

The server judges each append and writes all that may be written; a conflict or a repetition is the
outcome of its own append. What one call may hold is bounded, so none waits for an endless one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from backstory.core.errors import BackstoryError, OutcomeUnknown
from backstory.core.events import Appended, NewEvent
from backstory.core.expected import ANY, STREAM_EXISTS, Expected, WrongExpectedRevision
from backstory.core.names import category_of
from backstory.core.retaining import TOMBSTONE_REVISION, StreamDeleted
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.link import Row

_MOST_EVENTS: Final = 5_000
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Where a group ends; an append that is larger goes alone."""

_NO_STREAM: Final = -1
_ANY: Final = -2
_STREAM_EXISTS: Final = -3
_LARGEST: Final = 2**63 - 1

Part: TypeAlias = tuple[str, Sequence[NewEvent], Expected]
"""A stream, the events it gets, and what is expected of it: an append to several has several."""

Call: TypeAlias = tuple[str, tuple[object, ...]]
"""A statement and its values."""


class Pending(msgspec.Struct):
    """An append on its way: what to write to which streams, and who waits for the outcome."""

    parts: Sequence[Part]
    future: asyncio.Future[Sequence[Appended]]

    @property
    def size(self) -> int:
        """Return about how many bytes it writes."""
        return sum([len(event.data) for _, events, _ in self.parts for event in events])

    def unknown(self) -> OutcomeUnknown:
        """Return the error that says that nobody knows, and of what."""
        streams = ", ".join([repr(stream) for stream, _, _ in self.parts])
        return OutcomeUnknown(
            f"Nobody knows whether the append to {streams} is stored; "
            "append the same events (same ids) once more."
        )

    def answer(
        self,
        outcome: Sequence[Appended] | BackstoryError,
        cause: BaseException | None = None,
    ) -> None:
        """Give *outcome*, an error of ours with its *cause*, to whoever waits."""
        if self.future.done():  # cancelled while it was written
            return
        if isinstance(outcome, BackstoryError):
            outcome.__cause__ = cause or outcome.__cause__
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


def gather(waiting: deque[Pending], most: int) -> list[Pending]:
    """Take from *waiting* what goes in one call: up to *most* appends that somebody still wants.

    One that holds an id which already goes to its stream stays for the next call: it repeats an
    append, and is judged by what that has left behind.
    """
    group: list[Pending] = []
    left: list[Pending] = []
    known: dict[str, set[UUID]] = {}
    events = size = 0
    while waiting and len(group) < most and events < _MOST_EVENTS and size < _MOST_BYTES:
        pending = waiting.popleft()
        if pending.future.done():
            continue
        if group and not _is_new(pending, known):
            left.append(pending)
            continue
        size += pending.size
        events += sum([len(part[1]) for part in pending.parts])
        if group and (size > _MOST_BYTES or events > _MOST_EVENTS):
            left.append(pending)
            break
        group.append(pending)
        for stream, new, _ in pending.parts:
            known.setdefault(stream, set()).update([event.id for event in new])
    waiting.extendleft(reversed(left))
    return group


def _is_new(pending: Pending, known: dict[str, set[UUID]]) -> bool:
    return all(
        stream not in known or known[stream].isdisjoint([event.id for event in new])
        for stream, new, _ in pending.parts
    )


def call_for(group: Sequence[Pending], at_us: int | None) -> Call:
    """Return what asks the server to write *group*, recorded at *at_us* (None: its own time)."""
    if len(group) == 1 and len(group[0].parts) == 1:
        return sql.APPEND, values_of(group[0].parts[0], at_us)
    return sql.APPEND_EACH, _values_of_group(group, at_us)


def values_of(part: Part, at_us: int | None) -> tuple[object, ...]:
    """Return the values of an append to one stream, for `append` on the server."""
    stream, events, expected = part
    numbers: dict[str, int] = {}
    kinds = [numbers.setdefault(event.type, len(numbers) + 1) for event in events]
    return (
        stream,
        wanted_by(expected),
        list(numbers),
        kinds,
        *_columns(events),
        at_us,
    )


def _values_of_group(group: Sequence[Pending], at_us: int | None) -> tuple[object, ...]:
    parts = [part for pending in group for part in pending.parts]
    streams = [stream for stream, _, _ in parts]
    starts = [0]
    appends: list[int] = []
    events: list[NewEvent] = []
    numbers: dict[tuple[str, str], int] = {}
    kinds: list[int] = []
    for place, (stream, new, _) in enumerate(parts, 1):
        category = category_of(stream)
        for event in new:
            appends.append(place)
            kinds.append(numbers.setdefault((category, event.type), len(numbers) + 1))
        events += new
        starts.append(len(events))
    return (
        streams,
        [wanted_by(expected) for _, _, expected in parts],
        starts,
        _firsts(streams),
        _together(group),
        [category for category, _ in numbers],
        [event_type for _, event_type in numbers],
        appends,
        kinds,
        *_columns(events),
        at_us,
    )


def _columns(events: Sequence[NewEvent]) -> tuple[list[UUID], list[str], list[str]]:
    return (
        [event.id for event in events],
        [event.data.decode() for event in events],
        [event.metadata.decode() for event in events],
    )


def wanted_by(expected: Expected) -> int:
    """Return the number by which the server's functions know *expected*."""
    if isinstance(expected, int):
        return min(expected, _LARGEST)  # no stream is that long
    if expected is ANY:
        return _ANY
    return _STREAM_EXISTS if expected is STREAM_EXISTS else _NO_STREAM


def _firsts(streams: Sequence[str]) -> list[int] | None:
    places: dict[str, int] = {}
    firsts = [places.setdefault(stream, place) for place, stream in enumerate(streams, 1)]
    return None if len(places) == len(streams) else firsts


def _together(group: Sequence[Pending]) -> list[int] | None:
    if all(len(pending.parts) == 1 for pending in group):
        return None
    return [number for number, pending in enumerate(group) for _ in pending.parts]


def outcomes_of(
    group: Sequence[Pending], row: Row
) -> Iterator[tuple[Pending, Sequence[Appended] | BackstoryError]]:
    """Yield what became of each append of *group*, as the server told in *row*."""
    revisions, positions = row
    if not isinstance(positions, list):
        revisions, positions = [revisions], [positions]
    place = 0
    for pending in group:
        start, place = place, place + len(pending.parts)
        yield pending, outcome_of(pending.parts, revisions[start:place], positions[start:place])


def outcome_of(
    parts: Sequence[Part], revisions: Sequence[int | None], positions: Sequence[int | None]
) -> Sequence[Appended] | BackstoryError:
    """Return the answers to an append of *parts*, or the conflict that refused it."""
    appended: list[Appended] = []
    for (stream, _, expected), revision, position in zip(parts, revisions, positions, strict=True):
        if position is None:
            if revision == TOMBSTONE_REVISION:
                return StreamDeleted(stream)
            return WrongExpectedRevision(stream=stream, expected=expected, actual=revision)
        appended.append(Appended(stream, revision or 0, position))
    return appended
