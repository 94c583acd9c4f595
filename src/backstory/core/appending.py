"""The rules of an append that every store shares: what is refused, and what is a repetition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol

import msgspec

from backstory.core.errors import AppendTooLarge, InvalidEvent, InvalidInput
from backstory.core.events import NewEvent
from backstory.core.expected import (
    ANY,
    Expected,
    Verdict,
    WrongExpectedRevision,
    check_expected,
    first_revision,
    judge,
)
from backstory.core.names import MAX_APPEND_BYTES, MAX_APPEND_EVENTS, check_stream_name
from backstory.core.retaining import TOMBSTONE_REVISION, StreamDeleted


class StreamAppend(msgspec.Struct, frozen=True):
    """The part of an append to several streams that concerns one of them; see `append_several`."""

    stream: str
    events: Sequence[NewEvent]
    expected: Expected = ANY


class StreamIds(Protocol):
    """What a store must know of one stream's ids to recognise a repeated append."""

    def revision_of(self, event_id: bytes) -> int | None:
        """Return the revision of the first event with this id in the stream, None without one."""
        ...

    def ids_from(self, revision: int, count: int) -> Sequence[bytes]:
        """Return the ids of up to *count* events from *revision* on, in order."""
        ...


def check_append(
    stream: str, events: Sequence[NewEvent], expected: Expected
) -> tuple[NewEvent, ...]:
    """Return the events of an append that a store may try.

    Raises `InvalidName`, `InvalidEvent`, `AppendTooLarge`, or `InvalidInput` (no events, an
    *expected* that is none).
    """
    check_stream_name(stream)
    check_expected(expected)
    batch = _taken(events)
    given: tuple[object, ...] = batch  # callers without a type checker pass anything
    if not batch:
        message = f"nothing to append to {stream!r}: give at least one event"
        raise InvalidInput(message)
    for event in given:
        if not isinstance(event, NewEvent):
            message = (
                f"an append takes NewEvent values, not {type(event).__name__}; "
                "make one with NewEvent.of or Schema.encode"
            )
            raise InvalidEvent(message)
    if len(batch) > 1:
        _check_size(batch)
        if len({event.id for event in batch}) != len(batch):
            message = "one event id appears twice in the append; every event needs its own"
            raise InvalidEvent(message)
    return batch


def check_append_several(appends: Sequence[StreamAppend]) -> tuple[StreamAppend, ...]:
    """Return the parts of an append to several streams that a store may try, events as tuples.

    Raises what `check_append` raises for any part, `AppendTooLarge` when all parts together hold
    too much, and `InvalidInput` for no parts, for other things than `StreamAppend`, and for a
    stream named twice.
    """
    parts = tuple(_checked_part(given) for given in _parts_of(appends))
    if not parts:
        message = "nothing to append: give at least one StreamAppend"
        raise InvalidInput(message)
    if len({part.stream for part in parts}) != len(parts):
        message = "a stream is named twice in one append; put its events together, in order"
        raise InvalidInput(message)
    _check_size(tuple(chain.from_iterable(part.events for part in parts)))
    return parts


def _parts_of(appends: object) -> Iterable[object]:
    if not isinstance(appends, Iterable):
        message = f"several appends are a sequence of StreamAppend, not {type(appends).__name__}"
        raise InvalidInput(message)
    return appends


def _checked_part(given: object) -> StreamAppend:
    if not isinstance(given, StreamAppend):
        message = f"several appends are StreamAppend values, not {type(given).__name__}"
        raise InvalidInput(message)
    events = check_append(given.stream, given.events, given.expected)
    return StreamAppend(given.stream, events, given.expected)


def _taken(events: object) -> tuple[NewEvent, ...]:
    if isinstance(events, NewEvent) or not isinstance(events, Iterable):
        message = f"an append takes a sequence of events, not {type(events).__name__}: [event]"
        raise InvalidInput(message)
    return tuple(events)


def _check_size(batch: tuple[NewEvent, ...]) -> None:
    if len(batch) > MAX_APPEND_EVENTS:
        raise AppendTooLarge(size=len(batch), limit=MAX_APPEND_EVENTS, unit="events")
    size = sum(len(event.data) + len(event.metadata) for event in batch)
    if size > MAX_APPEND_BYTES:
        raise AppendTooLarge(size=size, limit=MAX_APPEND_BYTES, unit="bytes")


def settle(
    stream: str,
    expected: Expected,
    actual: int | None,
    ids: Sequence[bytes],
    known: StreamIds,
) -> int | None:
    """Return None when the events are to be written, or the revision a first try gave the last one.

    *actual* is the stream's last revision (None: no stream), *ids* those of the append.
    Raises `WrongExpectedRevision` when neither holds, `StreamDeleted` behind a tombstone.
    """
    if actual == TOMBSTONE_REVISION:
        raise StreamDeleted(stream)
    verdict = judge(expected, actual)
    if verdict is Verdict.WRITE:
        return None
    if verdict is Verdict.RETRY_ELSEWHERE:
        revisions = [known.revision_of(event_id) for event_id in ids]
        if revisions[0] is None:
            return None
        if None not in revisions:
            return revisions[-1]
    if verdict is Verdict.RETRY_IN_PLACE:
        start = first_revision(expected)
        if list(known.ids_from(start, len(ids))) == list(ids):
            return start + len(ids) - 1
    raise WrongExpectedRevision(stream=stream, expected=expected, actual=actual)
