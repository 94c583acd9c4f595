from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.strategies import SearchStrategy, sampled_from

from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.names import check_event_type, check_stream_name
from backstory.core.read import BACKWARDS, Read
from backstory.testing import event_types, histories, json_values, new_events, reads, stream_names
from backstory.testing.samples import check_order


@given(stream_names(), event_types())
def test_every_name_drawn_is_allowed(stream: str, kind: str) -> None:
    """A strategy that draws refused names would test the refusal only."""
    assert check_stream_name(stream) == stream
    assert check_event_type(kind) == kind


@given(new_events())
def test_every_event_drawn_can_be_read_back(event: NewEvent) -> None:
    """Data and metadata are JSON, whatever they hold."""
    assert NewEvent(event.type, event.data, event.metadata, event.id) == event


@given(histories())
def test_every_history_drawn_keeps_the_order(history: tuple[RecordedEvent, ...]) -> None:
    """Positions, revisions and time are as a store makes them; ids are unique."""
    check_order(history)
    assert len({event.id for event in history}) == len(history)
    for event in history:
        event.json()
        event.meta()


def test_histories_have_what_makes_them_interesting() -> None:
    """Several streams, one of them with several events, and time that stands still, all occur."""
    drawn = find(
        histories(),
        lambda log: (
            len({e.stream for e in log}) > 1
            and any(e.revision > 1 for e in log)
            and any(a.recorded_us == b.recorded_us for a, b in pairwise(log))
        ),
        settings=settings(phases=[Phase.generate], max_examples=1_000),
    )
    assert len(drawn) >= 4


@given(
    histories(
        streams=sampled_from(["user-1", "user-2"]), events=new_events(types=sampled_from(["a"]))
    )
)
def test_a_history_can_be_narrowed(history: tuple[RecordedEvent, ...]) -> None:
    """Streams and events are those asked for."""
    assert {event.stream for event in history} <= {"user-1", "user-2"}
    assert {event.type for event in history} <= {"a"}


def _is_awkward(query: Read) -> bool:
    return (query.category, query.direction, query.limit) == ("user", BACKWARDS, 1)


@pytest.mark.parametrize(
    ("strategy", "is_rare"),
    [
        (reads(), _is_awkward),
        (stream_names(), "user-1".__eq__),
        (json_values(), lambda value: value is None),
    ],
    ids=["reads", "names", "values"],
)
def test_awkward_values_are_drawn(
    strategy: SearchStrategy[object], is_rare: Callable[[Any], bool]
) -> None:
    """The corners of each space are within reach."""
    assert is_rare(find(strategy, is_rare))
