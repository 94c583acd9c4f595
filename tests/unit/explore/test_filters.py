"""The grammar of filters, and what they let through."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidInput
from backstory.core.events import RecordedEvent
from backstory.explore.filters import EventFilter, parse_filter


def event(
    data: bytes = b"{}", *, kind: str = "order-paid", meta: bytes = b"{}", stream: str = "order-1"
) -> RecordedEvent:
    """Return an event recorded on the first of March 2026, at noon."""
    noon = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
    return RecordedEvent(7, stream, 0, kind, data, meta, bytes(16), noon)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", True),
        ("type:order-paid", True),
        ("type:a type:order-paid", True),
        ("type:a", False),
        ("category:order", True),
        ("category:user", False),
        ("stream:order-1 category:order", True),
        ("stream:order-1 category:user", False),
        ("prefix:ord", True),
        ("prefix:user", False),
        ("after:2026-03-01", True),
        ("after:2026-03-01T12:00:00.000001", False),
        ("before:2026-03-01", False),
        ("before:2026-03-01T13:00:00+00:30", True),
        ("correlation:web-1", True),
        ("correlation:web", False),
        ('data.total>100 data.total<=120 "in stock"', True),
        ("data.total>120", False),
        ("data.total>=abc", False),
        ("data.total=120", True),
        ("data.total!=120", False),
        ("data.name=Ann", True),
        ("data.name>Al", True),
        ("data.items.1=b", True),
        ("data.items.2=b", False),
        ("data.items.2!=b", True),
        ("data.paid=true", True),
        ("data.paid>0", False),
        ("data.gone=null", True),
        ("data.missing=null", False),
        ("data.code=0815", True),
        ('data.note="say \\"hi\\""', True),
        ("meta.$correlationId=web-1", True),
        ("Ann", True),
        ("ann", False),
        ("Müller", True),
        ('"say \\"hi\\""', True),
        ("is:system", True),
    ],
)
def test_a_filter_lets_through_what_it_says(text: str, shown: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Everything must hold together, but for types, of which one is enough."""
    told = event(
        b'{"total":120,"name":"Ann","items":["a","b"],"paid":true,"gone":null,"code":"0815",'
        b'"note":"say \\"hi\\"","who":"M\\u00fcller","where":"in stock"}',
        meta=b'{"$correlationId":"web-1"}',
    )
    assert parse_filter(text).matches(told) is shown


def test_an_event_that_is_no_json_is_passed_over() -> None:
    """Only a damaged store has one; it must not break the page."""
    damaged = event(b"\xff{", meta=b"[")
    assert not parse_filter("data.a=1").matches(damaged)
    assert not parse_filter("correlation:a").matches(damaged)
    assert parse_filter("type:order-paid").matches(damaged)


def test_system_events_are_shown_on_request() -> None:
    """By name, by stream, or all of them."""
    told = event(kind="$metadata", stream="$$order-1")
    assert not parse_filter("").matches(told)
    for text in ("is:system", "type:$metadata", "stream:$$order-1"):
        assert parse_filter(text).matches(told), text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type:", "wants a value"),
        ("category:a category:b", "stands twice"),
        ("is:big", "is:system"),
        ("after:yesterday", "is no time"),
        ("before:9999-12-31T23:59:59-12:00", "is no time"),
        (" ".join(f"type:{n}" for n in range(101)), "at most 100"),
    ],
)
def test_what_has_no_meaning_is_refused(text: str, reason: str) -> None:
    """With a word about what to write instead."""
    with pytest.raises(InvalidInput, match=reason):
        parse_filter(text)


_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(
    types=st.lists(_NAMES, max_size=3).map(tuple),
    stream=st.none() | _NAMES,
    prefix=st.just("") | _NAMES,
    words=st.lists(_NAMES, max_size=3).map(tuple),
    after=st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001 - aware below
)
def test_a_filter_reads_back_as_it_was(
    types: tuple[str, ...], stream: str | None, prefix: str, words: tuple[str, ...],
    after: datetime | None,
) -> None:  # fmt: skip
    """So that an address, a chip and a command line mean the same."""
    moment = None if after is None else after.replace(tzinfo=UTC)
    said = EventFilter(types=types, stream=stream, prefix=prefix, words=words, after=moment)
    assert parse_filter(str(said)) == said


@given(st.text())
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """Nothing else happens, whatever is typed."""
    try:
        said = parse_filter(text)
    except InvalidInput:
        return
    assert parse_filter(str(said)) == said
