from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import RecordedEvent
from backstory.cli.envelope import Envelope, envelope, timestamp

ID = UUID("01a20731-4a0c-7000-84fd-ebe4669e9093")


def _recorded(
    data: bytes = b"{}", metadata: bytes = b"{}", *, stream: str = "user-1"
) -> RecordedEvent:
    return RecordedEvent(7, stream, 3, "user-created", data, metadata, ID.bytes, 1_000_000)


def test_an_envelope_holds_what_the_reference_lists() -> None:
    """The contract, field by field."""
    assert json.loads(envelope(_recorded(b'{"a": [1, null]}', b'{"actor": "Eve"}'))) == {
        "position": 7,
        "stream": "user-1",
        "revision": 3,
        "type": "user-created",
        "id": str(ID),
        "recorded_at": "1970-01-01T00:00:01.000000Z",
        "data": {"a": [1, None]},
        "metadata": {"actor": "Eve"},
    }


@pytest.mark.parametrize("document", [b"null", b'""', b"0", b"[]", b"false"])
def test_data_that_says_little_is_there_all_the_same(document: bytes) -> None:
    """A missing field would say something else than null."""
    assert json.loads(envelope(_recorded(document)))["data"] == json.loads(document)


@pytest.mark.parametrize("number", ["12345678901234567890123", "1e300", "0.10", "-0", "1E+2"])
def test_numbers_are_passed_on_digit_by_digit(number: str) -> None:
    """The command line must not round what an application stored."""
    assert f'"data":[{number}]' in envelope(_recorded(f"[ {number} ]".encode())).decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values, st.sampled_from([None, 0, 4, "\t"]))
def test_an_envelope_is_one_line_however_the_data_was_written(
    value: object, indent: int | str | None
) -> None:
    """Lines are what programs split by."""
    document = json.dumps(value, ensure_ascii=False, indent=indent).replace("\n", "\r\n")
    line = envelope(_recorded(document.encode("utf-8", "replace")))
    assert line.splitlines() == [line]
    assert line.decode().splitlines() == [line.decode()]


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff", b'"\xed\xa0\x80"', b"NaN"])
def test_bytes_that_are_no_json_are_shown_as_what_they_are(damaged: bytes) -> None:
    """A damaged store can still be read, and no line pretends."""
    line = envelope(_recorded(damaged, damaged))
    assert "data" not in json.loads(line)
    shown = msgspec.json.decode(line, type=Envelope)
    assert (shown.data_base64, shown.metadata_base64) == (damaged, damaged)


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9)),
)
def test_times_sort_as_texts(earlier: datetime, step: timedelta) -> None:
    """`sort` and `<` on the texts agree with the log."""
    try:
        later = earlier + step
    except OverflowError:
        return
    assert timestamp(earlier) < timestamp(later)
