"""A read is one frozen value that refuses what no store could answer."""

from __future__ import annotations

from enum import IntEnum

import pytest

from backstory.core.errors import InvalidRead
from backstory.core.events import RecordedEvent
from backstory.core.names import MAX_EVENT_BYTES
from backstory.core.read import BACKWARDS, MAX_LIMIT, MAX_PAGE_BYTES, MAX_TYPES, Read


def test_a_read_names_a_stream_or_a_category_not_both() -> None:
    """Two answers to one question."""
    with pytest.raises(InvalidRead, match="not both"):
        Read(stream="user-a", category="user")


@pytest.mark.parametrize("name", ["stream", "category"])
def test_a_name_is_text(name: str) -> None:
    """A number would match nothing, or too much."""
    with pytest.raises(InvalidRead, match=f"{name} is text"):
        Read(**{name: 7})  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("name", ["after", "before", "until", "limit"])
@pytest.mark.parametrize("value", ["7", 7.0, True, 2**63, -(2**63) - 1])
def test_a_bound_is_a_64_bit_integer(name: str, value: object) -> None:
    """A larger one fits into no database."""
    with pytest.raises(InvalidRead, match=f"{name} is a"):
        Read(**{name: value})  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("value", [-(2**63), -1, 0, 2**63 - 1, None])
def test_every_64_bit_bound_is_taken(value: int | None) -> None:
    """Whether something stands there is the store's to answer."""
    read = Read(after=value, before=value, until=value)
    assert (read.after, read.before, read.until) == (value, value, value)


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_limit_is_from_one_to_the_most(limit: int) -> None:
    """No page is without end."""
    with pytest.raises(InvalidRead, match="limit is from 1 to"):
        Read(limit=limit)


def test_a_number_of_a_class_of_its_own_may_be_a_limit() -> None:
    """Such as a member of an IntEnum; the rules are the same."""

    class Size(IntEnum):
        SMALL = 3
        NONE = 0

    assert Read(limit=Size.SMALL).limit == 3
    with pytest.raises(InvalidRead, match="limit is from 1 to"):
        Read(limit=Size.NONE)


def test_a_limit_is_needed() -> None:
    """None is no way to read everything."""
    with pytest.raises(InvalidRead, match="limit is an integer"):
        Read(limit=None)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("types", [["a"], "a", ("a", 1), None])
def test_types_are_a_tuple_of_texts(types: object) -> None:
    """A text alone would be read as its letters."""
    with pytest.raises(InvalidRead, match="types is a tuple"):
        Read(types=types)  # type: ignore[arg-type]  # the point of the test


def test_the_number_of_types_is_bounded() -> None:
    """A statement has room for so many."""
    assert len(Read(types=("a",) * MAX_TYPES).types) == MAX_TYPES
    with pytest.raises(InvalidRead, match="at most 100 types, not 101"):
        Read(types=("a",) * (MAX_TYPES + 1))


def test_a_direction_is_one_of_two() -> None:
    """A text would silently mean the other one."""
    with pytest.raises(InvalidRead, match="FORWARDS or BACKWARDS"):
        Read(direction="backwards")  # type: ignore[arg-type]  # the point of the test


def test_resuming_moves_the_bound_of_the_direction_alone() -> None:
    """Every other part of the question stays."""
    forwards = Read(category="user", types=("a",), after=1, before=99, until=50, limit=7)
    assert forwards.resume(20) == Read(
        category="user", types=("a",), after=20, before=99, until=50, limit=7
    )
    backwards = Read(stream="user-a", after=1, before=99, direction=BACKWARDS)
    assert backwards.resume(20) == Read(stream="user-a", after=1, before=20, direction=BACKWARDS)


def event_of(size: int) -> RecordedEvent:
    """Return an event whose data and metadata have *size* bytes together."""
    return RecordedEvent(1, "a", 0, "a", b"x" * (size - 2), b"{}", b"", 0)


def test_an_empty_page_is_the_last() -> None:
    """Nothing is left when nothing came."""
    assert Read().is_last([])


def test_a_full_page_is_not_known_to_be_the_last() -> None:
    """Exactly as many as asked for says nothing about more."""
    assert not Read(limit=2).is_last([event_of(3)] * 2)
    assert Read(limit=3).is_last([event_of(3)] * 2)


def test_a_short_page_cut_for_its_size_is_not_known_to_be_the_last() -> None:
    """Stores cut at the event that reaches the bound, or at the one that would pass it."""
    room = MAX_PAGE_BYTES - MAX_EVENT_BYTES
    assert Read().is_last([event_of(room - 1)])
    assert not Read().is_last([event_of(room)])
    assert not Read().is_last([event_of(room // 2), event_of(room // 2 + 1)])
