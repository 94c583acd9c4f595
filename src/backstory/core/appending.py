"""The rules of an append that every store shares: what is refused, and what is a repetition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from backstory.core.errors import AppendTooLarge, InvalidEvent, InvalidInput
from backstory.core.events import NewEvent
from backstory.core.expected import (
    Expected,
    Verdict,
    WrongExpectedRevision,
    check_expected,
    first_revision,
    judge,
)
from backstory.core.names import MAX_APPEND_BYTES, MAX_APPEND_EVENTS, check_stream_name


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
        _check_together(batch)
    return batch


def _taken(events: object) -> tuple[NewEvent, ...]:
    if isinstance(events, NewEvent) or not isinstance(events, Iterable):
        message = f"an append takes a sequence of events, not {type(events).__name__}: [event]"
        raise InvalidInput(message)
    return tuple(events)


def _check_together(batch: tuple[NewEvent, ...]) -> None:
    if len(batch) > MAX_APPEND_EVENTS:
        raise AppendTooLarge(size=len(batch), limit=MAX_APPEND_EVENTS, unit="events")
    size = sum(len(event.data) + len(event.metadata) for event in batch)
    if size > MAX_APPEND_BYTES:
        raise AppendTooLarge(size=size, limit=MAX_APPEND_BYTES, unit="bytes")
    if len({event.id for event in batch}) != len(batch):
        message = "one event id appears twice in the append; every event needs its own"
        raise InvalidEvent(message)


def settle(
    stream: str,
    expected: Expected,
    actual: int | None,
    ids: Sequence[bytes],
    known: StreamIds,
) -> int | None:
    """Return None when the events are to be written, or the revision a first try gave the last one.

    *actual* is the stream's last revision (None: no stream), *ids* those of the append.
    Raises `WrongExpectedRevision` when neither holds.
    """
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
