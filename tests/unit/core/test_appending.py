"""The rules of an append: what is refused, what is written, what is a repetition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from uuid import UUID

import pytest

from backstory.core.appending import StreamAppend, check_append, check_append_several, settle
from backstory.core.errors import AppendTooLarge, InvalidEvent, InvalidInput, InvalidName
from backstory.core.events import NewEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    StreamState,
    WrongExpectedRevision,
)
from backstory.core.names import MAX_APPEND_EVENTS


class Ids:
    """A stream as the ids it holds, one letter each."""

    def __init__(self, letters: str) -> None:
        """Hold *letters*."""
        self.letters = letters

    def revision_of(self, event_id: bytes) -> int | None:
        """Return where the letter stands first."""
        found = self.letters.find(event_id.decode())
        return None if found < 0 else found

    def ids_from(self, revision: int, count: int) -> Sequence[bytes]:
        """Return letters from *revision* on."""
        return [letter.encode() for letter in self.letters[revision : revision + count]]


def model(expected: Expected, held: str, new: str) -> int | str:
    """Say in other words what becomes of an append: "write", "conflict" or the old revision."""
    if isinstance(expected, StreamState) and expected is not NO_STREAM:
        if not held:
            return "write" if expected is ANY else "conflict"
        if new[0] not in held:
            return "write"
        return held.index(new[-1]) if set(new) <= set(held) else "conflict"
    place = 0 if expected is NO_STREAM else int(expected) + 1
    if place == len(held):
        return "write"
    return place + len(new) - 1 if held[place : place + len(new)] == new else "conflict"


STREAMS = ["".join(p) for n in range(4) for p in product("abc", repeat=n)]
APPENDS = ["a", "b", "ab", "ba", "abc", "cab", "x", "ax", "xa", "bc"]
EXPECTED: list[Expected] = [ANY, NO_STREAM, STREAM_EXISTS, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("expected", EXPECTED, ids=repr)
def test_every_small_append_is_settled_as_the_rule_says(expected: Expected) -> None:
    """All streams of up to three events, repeated ids included, against all kinds of appends."""
    for held, new in product(STREAMS, APPENDS):
        actual = len(held) - 1 if held else None
        ids = [letter.encode() for letter in new]
        wanted = model(expected, held, new)
        if wanted == "conflict":
            with pytest.raises(WrongExpectedRevision) as caught:
                settle("s", expected, actual, ids, Ids(held))
            facts = (caught.value.stream, caught.value.expected, caught.value.actual)
            assert facts == ("s", expected, actual)
        else:
            found = settle("s", expected, actual, ids, Ids(held))
            assert found == (None if wanted == "write" else wanted), (held, new)


def test_the_events_of_a_good_append_come_back_as_a_tuple() -> None:
    """A list that the caller changes later changes nothing."""
    events = [NewEvent.of("a", 1), NewEvent.of("a", 2)]
    assert check_append("s", events, ANY) == tuple(events)


def test_an_append_of_nothing_is_refused() -> None:
    """There would be no place to answer."""
    with pytest.raises(InvalidInput, match="nothing to append to 's'"):
        check_append("s", [], ANY)


@pytest.mark.parametrize("stream", ["", "$all", "a\x00b"])
def test_an_append_needs_a_good_stream_name(stream: str) -> None:
    """The name is checked before anything is written."""
    with pytest.raises(InvalidName):
        check_append(stream, [NewEvent.of("a", 1)], ANY)


def test_an_append_needs_a_good_requirement() -> None:
    """Also checked first."""
    with pytest.raises(InvalidInput):
        check_append("s", [NewEvent.of("a", 1)], -1)


@pytest.mark.parametrize("thing", [{"type": "a"}, None, "a"])
def test_an_append_takes_events_alone(thing: object) -> None:
    """The message says how to make one."""
    with pytest.raises(InvalidEvent, match=r"NewEvent\.of or Schema\.encode"):
        check_append("s", [NewEvent.of("a", 1), thing], ANY)  # type: ignore[list-item]  # the point


@pytest.mark.parametrize("events", [NewEvent.of("a", 1), None, 7])
def test_an_append_takes_a_sequence(events: object) -> None:
    """One event without its brackets is the most likely slip."""
    with pytest.raises(InvalidInput, match=r"takes a sequence of events, not .*: \[event\]"):
        check_append("s", events, ANY)  # type: ignore[arg-type]  # the point of the test


def test_one_id_twice_in_an_append_is_refused() -> None:
    """A retry could not tell them apart."""
    twice = UUID(int=7)
    events = [NewEvent.of("a", 1, id=twice), NewEvent.of("a", 2, id=twice)]
    with pytest.raises(InvalidEvent, match="appears twice"):
        check_append("s", events, ANY)


def test_an_append_has_a_largest_number_of_events() -> None:
    """The most are taken, one more is refused."""
    events = [NewEvent("a", b"1", id=UUID(int=n)) for n in range(MAX_APPEND_EVENTS + 1)]
    assert len(check_append("s", events[1:], ANY)) == MAX_APPEND_EVENTS
    with pytest.raises(AppendTooLarge) as caught:
        check_append("s", events, ANY)
    assert (caught.value.size, caught.value.unit) == (10_001, "events")


def test_an_append_has_a_largest_size() -> None:
    """Events that are fine alone may be too much together."""
    large = NewEvent("a", b'"' + b"x" * (16 * 1024 * 1024 - 5) + b'"')
    four = [NewEvent("a", large.data) for _ in range(4)]
    assert len(check_append("s", four, ANY)) == 4
    with pytest.raises(AppendTooLarge) as caught:
        check_append("s", [*four, NewEvent("a", b'"xxxxxxxxxx"')], ANY)
    assert caught.value.unit == "bytes"


def test_the_parts_of_a_good_append_come_back_with_their_events_as_tuples() -> None:
    """Lists that the caller changes later change nothing."""
    one, other = NewEvent.of("a", 1), NewEvent.of("a", 2)
    given = [StreamAppend("s", [one], 3), StreamAppend("t", [other, one], NO_STREAM)]
    wanted = (StreamAppend("s", (one,), 3), StreamAppend("t", (other, one), NO_STREAM))
    assert check_append_several(given) == wanted
    assert check_append_several(iter(given)) == wanted  # type: ignore[arg-type]  # callers may


@pytest.mark.parametrize(
    "part",
    [
        StreamAppend("$all", [NewEvent.of("a", 1)]),
        StreamAppend("t", []),
        StreamAppend("t", NewEvent.of("a", 1)),  # type: ignore[arg-type]  # the point of the test
        StreamAppend("t", [NewEvent.of("a", 1)], -1),
        ("t", [NewEvent.of("a", 1)]),
        None,
    ],
    ids=["name", "no events", "no sequence", "revision", "a tuple", "nothing"],
)
def test_one_bad_part_refuses_them_all(part: StreamAppend) -> None:
    """Every part keeps the rules of an append."""
    with pytest.raises(InvalidInput):
        check_append_several([StreamAppend("s", [NewEvent.of("a", 1)]), part])


@pytest.mark.parametrize("parts", [[], None, 7, StreamAppend("s", [NewEvent.of("a", 1)])])
def test_several_appends_are_a_sequence_with_something_in_it(parts: object) -> None:
    """One part without its brackets is the most likely slip."""
    with pytest.raises(InvalidInput, match="StreamAppend"):
        check_append_several(parts)  # type: ignore[arg-type]  # the point of the test


def test_a_stream_is_named_once_in_an_append_to_several() -> None:
    """Two expectations of one stream could not both be the one before the append."""
    parts = [StreamAppend(name, [NewEvent.of("a", 1)]) for name in ("s", "t", "s")]
    with pytest.raises(InvalidInput, match="named twice"):
        check_append_several(parts)


def test_one_id_may_stand_in_two_parts() -> None:
    """A repetition is one in its own stream only."""
    event = NewEvent.of("a", 1)
    assert len(check_append_several([StreamAppend("s", [event]), StreamAppend("t", [event])])) == 2


def test_the_parts_together_have_a_largest_number_of_events() -> None:
    """The most are taken, one more is refused, whichever part it stands in."""
    events = [NewEvent("a", b"1", id=UUID(int=n)) for n in range(MAX_APPEND_EVENTS)]
    parts = [StreamAppend("s", events[:5]), StreamAppend("t", events[5:])]
    assert check_append_several(parts)[1].events == tuple(events[5:])
    with pytest.raises(AppendTooLarge) as caught:
        check_append_several([*parts, StreamAppend("u", events[:1])])
    assert (caught.value.size, caught.value.unit) == (10_001, "events")


def test_the_parts_together_have_a_largest_size() -> None:
    """Parts that are fine alone may be too much together."""
    document = b'"' + b"x" * (16 * 1024 * 1024 - 5) + b'"'
    parts = [StreamAppend(name, [NewEvent("a", document)]) for name in "stuv"]
    assert len(check_append_several(parts)) == 4
    with pytest.raises(AppendTooLarge) as caught:
        check_append_several([*parts, StreamAppend("w", [NewEvent("a", b'"xxxxxxxxxx"')])])
    assert caught.value.unit == "bytes"
