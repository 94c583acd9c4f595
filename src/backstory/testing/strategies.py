"""Hypothesis strategies: names, events, reads and whole histories, as hostile as is allowed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st

from backstory.core import encoding
from backstory.core.clock import to_microseconds
from backstory.core.errors import InvalidName
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.names import check_stream_name
from backstory.core.read import Direction, Read

_EARLIEST = to_microseconds(datetime(2001, 1, 1, tzinfo=UTC))
_ODD_NAMES = (
    "user-1",
    "user",
    "user-a-b",
    "..",
    "a/b",
    "%",
    "_",
    "'",
    '"',
    "$ce-user",
    "用户-1",
    "é",
    "-",
)

_characters = st.characters(codec="utf-8")


def _is_stream_name(name: str) -> bool:
    try:
        check_stream_name(name)
    except InvalidName:
        return False
    return True


def stream_names() -> st.SearchStrategy[str]:
    """Return a strategy for every name a stream may have, the awkward ones often."""
    letters = st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))
    any_name = st.text(letters, min_size=1, max_size=40).filter(_is_stream_name)
    return st.one_of(st.sampled_from(_ODD_NAMES), any_name)


def event_types() -> st.SearchStrategy[str]:
    """Return a strategy for event types."""
    return stream_names()


def json_values() -> st.SearchStrategy[object]:
    """Return a strategy for what JSON can hold."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(_characters, max_size=20),
    )
    return st.recursive(leaves, _nested, max_leaves=8)


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.lists(inner, max_size=4), _objects(inner))


def _objects(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    names = st.text(_characters, max_size=10)
    return st.dictionaries(names, values, max_size=4)


def new_events(
    *,
    types: st.SearchStrategy[str] | None = None,
    data: st.SearchStrategy[object] | None = None,
) -> st.SearchStrategy[NewEvent]:
    """Return a strategy for events to append; *types* and *data* narrow it."""
    return st.builds(
        NewEvent,
        event_types() if types is None else types,
        (json_values() if data is None else data).map(encoding.encode),
        _objects(json_values()).map(encoding.encode),
        st.uuids(),
    )


def reads(
    *,
    streams: st.SearchStrategy[str] | None = None,
    categories: st.SearchStrategy[str] | None = None,
    types: st.SearchStrategy[str] | None = None,
    bounds: st.SearchStrategy[int] | None = None,
) -> st.SearchStrategy[Read]:
    """Return a strategy for reads of every form; the arguments narrow its parts."""
    names = stream_names()
    bound = st.none() | (st.integers(-2, 50) if bounds is None else bounds)
    scopes: st.SearchStrategy[dict[str, str]] = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"stream": names if streams is None else streams}),
        st.fixed_dictionaries({"category": names if categories is None else categories}),
    )
    rest = st.fixed_dictionaries(
        {
            "types": st.lists(names if types is None else types, max_size=3).map(tuple),
            "after": bound,
            "before": bound,
            "until": bound,
            "direction": st.sampled_from(Direction),
            "limit": st.one_of(st.integers(1, 5), st.just(1_000)),
        }
    )
    return st.builds(_read_of, scopes, rest)


def _read_of(scope: dict[str, str], rest: dict[str, object]) -> Read:
    return msgspec.convert({**scope, **rest}, Read)


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    streams: st.SearchStrategy[str] | None = None,
    events: st.SearchStrategy[NewEvent] | None = None,
    max_size: int = 30,
) -> tuple[RecordedEvent, ...]:
    """Return a strategy for logs as a store records them.

    Positions and revisions have no gap, time never falls, ids are unique. Few streams, so that
    each has a story; *streams* and *events* narrow what they are called and hold.
    """
    names = draw(
        st.lists(
            stream_names() if streams is None else streams, min_size=1, max_size=4, unique=True
        )
    )
    given = draw(
        st.lists(
            new_events() if events is None else events, max_size=max_size, unique_by=lambda e: e.id
        )
    )
    revisions = dict.fromkeys(names, 0)
    recorded_us = _EARLIEST
    log = []
    for position, event in enumerate(given, start=1):
        stream = draw(st.sampled_from(names))
        recorded_us += draw(st.just(0) | st.integers(0, 10**9))
        log.append(
            RecordedEvent(
                position=position,
                stream=stream,
                revision=revisions[stream],
                type=event.type,
                data=event.data,
                metadata=event.metadata,
                id_bytes=event.id.bytes,
                recorded_us=recorded_us,
            )
        )
        revisions[stream] += 1
    return tuple(log)
