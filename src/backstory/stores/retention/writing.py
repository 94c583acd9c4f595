"""Appending to, deleting and ending streams by EventStoreDB's rules.

| stream                 | ANY | NO_STREAM | STREAM_EXISTS  | revision N                      |
| never was              | ok  | ok        | wrong revision | wrong revision                  |
| has metadata alone     | ok  | ok        | ok             | wrong revision                  |
| soft-deleted, last = L | ok  | ok: L + 1 | deleted        | N = L ok, else as with events   |
| ended                  | deleted, whatever is expected                                     |

With events, a store's own rule holds (`backstory.core.expected`). Whoever appends to a soft-deleted
stream brings it back: its numbering goes on, and what was hidden stays hidden.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from backstory.core import encoding
from backstory.core.appending import StreamAppend
from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidEvent
from backstory.core.events import Appended, EncodedEvent, NewEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import BACKWARDS, Read
from backstory.core.retaining import Retaining, StreamDeleted
from backstory.core.store import EventStore, Power, append_several, power_missing
from backstory.stores.retention.metadata import (
    DELETED,
    TRUNCATE_BEFORE,
    is_metastream,
    metadata_event,
    metastream_of,
)
from backstory.stores.retention.standing import Standing, standing_of

_ATTEMPTS: Final = 10
"""How often an append is tried against others who change the same stream meanwhile."""


async def at_once() -> None:
    """Wait for nobody."""


async def append(
    store: EventStore,
    stream: str,
    events: Sequence[NewEvent],
    *,
    expected: Expected = ANY,
    clock: Clock = system_clock,
    turn: Callable[[], Awaitable[None]] = at_once,
) -> Appended:
    """Append by the rules above; otherwise as `EventStore.append` does.

    Awaits *turn* once the stream was looked at, right before the store is told to write. Raises
    `StreamDeleted` too, and `PowerMissing` when a soft-deleted stream would come back in a store
    that cannot append to two streams at once.
    """
    if is_metastream(stream):
        events = await _keeping_hidden(store, stream, events, clock)
        await turn()
        return await store.append(stream, events, expected=expected)
    for attempt in range(_ATTEMPTS):
        if not await _has_metadata(store, stream):
            await turn()
            return await store.append(stream, events, expected=expected)
        standing = await standing_of(store, stream, clock=clock)
        await turn()
        try:
            return await _append_knowing(store, standing, events, expected)
        except WrongExpectedRevision as error:
            asked_for = error.stream == stream and _really_wrong(expected, standing, error)
            if asked_for or attempt == _ATTEMPTS - 1:
                raise WrongExpectedRevision(
                    stream=stream, expected=expected, actual=error.actual
                ) from error
    raise AssertionError  # pragma: no cover - the last attempt answers or raises


async def _has_metadata(store: EventStore, stream: str) -> bool:
    query = Read(stream=metastream_of(stream), direction=BACKWARDS, limit=1)
    return bool(await store.read(query))


async def _append_knowing(
    store: EventStore, standing: Standing, events: Sequence[NewEvent], expected: Expected
) -> Appended:
    """Append to a stream that has metadata and stands so."""
    stream = standing.stream
    if standing.ended:
        raise StreamDeleted(stream)
    if not standing.deleted:
        return await store.append(stream, events, expected=_loosened(standing, expected))
    if expected is STREAM_EXISTS:
        raise StreamDeleted(stream)
    exact: Expected = NO_STREAM if standing.last is None else standing.last
    if isinstance(expected, int) and expected != exact:
        return await store.append(stream, events, expected=expected)
    keys = {**standing.metadata.keys, TRUNCATE_BEFORE: _next(standing)}
    appended = await append_several(
        store,
        [
            StreamAppend(stream, events, exact),
            StreamAppend(
                metastream_of(stream), [metadata_event(keys)], _exactly(standing.metadata_revision)
            ),
        ],
    )
    return appended[0]


def _next(standing: Standing) -> int:
    return 0 if standing.last is None else standing.last + 1


def _exactly(revision: int | None) -> Expected:
    return NO_STREAM if revision is None else revision


def _loosened(standing: Standing, expected: Expected) -> Expected:
    """Return what to ask the store for, which does not know of metadata."""
    if expected is STREAM_EXISTS and standing.last is None:
        return ANY  # its metadata are enough of a stream
    if expected is NO_STREAM and standing.first > 0 and standing.last is not None:
        # It was deleted once: a repeated append stands where the stream went on.
        return standing.first - 1
    return expected


def _really_wrong(expected: Expected, standing: Standing, error: WrongExpectedRevision) -> bool:
    """Return whether the caller's expectation failed, not ours of a stream that just changed."""
    if isinstance(expected, int):
        return True
    if expected is NO_STREAM:
        return not standing.deleted or error.actual == standing.last
    return expected is STREAM_EXISTS and error.actual is None


async def _keeping_hidden(
    store: EventStore, metastream: str, events: Sequence[NewEvent], clock: Clock
) -> Sequence[NewEvent]:
    """Return *events* of metadata so that they do not show again what a deletion has hidden."""
    standing = await standing_of(store, metastream.removeprefix("$$"), clock=clock)
    if not standing.deleted or standing.last is None or not events:
        return events
    *before, newest = events
    try:
        keys = encoding.decode_object(newest.data)
    except InvalidEvent:
        return events
    keys.setdefault(TRUNCATE_BEFORE, standing.last + 1)
    data = encoding.encode(keys)
    return [*before, EncodedEvent(newest.type, data, newest.metadata, newest.id)]


async def delete(
    store: EventStore, stream: str, *, expected: Expected = ANY, clock: Clock = system_clock
) -> Appended:
    """Hide all of *stream* until something is appended to it; answer where that is written down.

    Deleting again is allowed. Raises `WrongExpectedRevision` when the stream is not as *expected*
    or was never there, and `StreamDeleted` when it has ended, or when it is deleted and
    `STREAM_EXISTS` was expected.
    """
    for attempt in range(_ATTEMPTS):
        standing = await standing_of(store, stream, clock=clock)
        _check(standing, expected)
        keys = {**standing.metadata.keys, TRUNCATE_BEFORE: DELETED}
        try:
            return await store.append(
                metastream_of(stream),
                [metadata_event(keys)],
                expected=_exactly(standing.metadata_revision),
            )
        except WrongExpectedRevision:  # its metadata changed meanwhile
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError  # pragma: no cover - the last attempt answers or raises


async def end(
    store: EventStore, stream: str, *, expected: Expected = ANY, clock: Clock = system_clock
) -> Appended:
    """End *stream* with a tombstone; answer where that stands.

    Raises `WrongExpectedRevision`, `StreamDeleted` as `delete` does (though a stream that never was
    may be ended), and `PowerMissing` when the store cannot.
    """
    if not isinstance(store, Retaining):
        raise power_missing(store, Power.RETAINING)
    standing = await standing_of(store, stream, clock=clock)
    never = standing.last is None and standing.metadata_revision is None
    if not (never and expected in {ANY, NO_STREAM}):
        _check(standing, expected)
    exact: Expected = expected
    if standing.deleted and expected is NO_STREAM:
        exact = _exactly(standing.last)
    elif expected is STREAM_EXISTS and standing.last is None:
        exact = ANY
    return await store.tombstone(stream, expected=exact)


def _check(standing: Standing, expected: Expected) -> None:
    """Raise unless a stream that stands so may be deleted by somebody who expects *expected*."""
    stream, last = standing.stream, standing.last
    if standing.ended or (standing.deleted and expected is STREAM_EXISTS):
        raise StreamDeleted(stream)
    nothing = last is None and standing.metadata_revision is None
    wrong = nothing
    if isinstance(expected, int):
        wrong = last != expected
    elif expected is NO_STREAM:
        wrong = nothing or not (last is None or standing.deleted)
    if wrong:
        raise WrongExpectedRevision(stream=stream, expected=expected, actual=last)
