"""JSON in and out: what JSON cannot hold is refused, never changed in silence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core import encoding
from backstory.core.errors import InvalidEvent

NAN = math.nan


class Point(msgspec.Struct, rename="camel"):
    """A Struct whose JSON names differ from its own."""

    at_x: float
    note: str | None = None


@dataclass
class Line:
    """A dataclass that holds a Struct."""

    start: Point
    points: list[Point] = field(default_factory=list)
    note: str | None = None


@attrs.define
class Circle:
    """An attrs class."""

    radius: float


class Model(pydantic.BaseModel):
    """A pydantic model with an alias."""

    size: float = pydantic.Field(alias="sizeInMetres")
    note: str | None = None


class Factor(Enum):
    """An enum of numbers, one of which is none."""

    WHOLE = 1.0
    UNKNOWN = NAN


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_json_can_hold_comes_back_as_it_was(value: object) -> None:
    """Encoding and decoding are each other's inverse, and the result passes the check."""
    document = encoding.encode(value)
    encoding.check(document)
    assert encoding.decode(document) == value


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (Point(1.5), b'{"atX":1.5,"note":null}'),
        (Line(Point(1.5)), b'{"start":{"atX":1.5,"note":null},"points":[],"note":null}'),
        (Circle(2.5), b'{"radius":2.5}'),
        (Model(sizeInMetres=1.5), b'{"sizeInMetres":1.5,"note":null}'),
        ([Model(sizeInMetres=1.5)], b'[{"sizeInMetres":1.5,"note":null}]'),
        (Factor.WHOLE, b"1.0"),
        (datetime(2024, 3, 1, tzinfo=UTC), b'"2024-03-01T00:00:00Z"'),
        (UUID(int=7), b'"00000000-0000-0000-0000-000000000007"'),
        ({"a": (None, {"b": {1}})}, b'{"a":[null,{"b":[1]}]}'),
    ],
)
def test_every_kind_of_model_is_written_by_its_json_names(value: object, document: bytes) -> None:
    """Users bring the models they have."""
    assert encoding.encode(value) == document


@pytest.mark.parametrize("number", [NAN, math.inf, -math.inf])
def test_a_number_without_json_is_refused_wherever_it_hides(number: float) -> None:
    """The libraries write such numbers as null; as history that would be a lie."""
    hiding_places: list[object] = [
        number,
        [1.0, number],
        {"a": {"b": (number,)}},
        {"a": {number}, "b": None},
        Point(number),
        Line(Point(1.0), [Point(number)]),
        Circle(number),
        Model(sizeInMetres=number),
        [None, {"model": Model(sizeInMetres=number)}],
        frozenset({number}),
    ]
    for place in hiding_places:
        with pytest.raises(InvalidEvent, match="NaN and infinity have no JSON"):
            encoding.encode(place)
    with pytest.raises(InvalidEvent, match="NaN"):
        encoding.encode(Factor.UNKNOWN)


def test_null_and_the_word_null_are_welcome() -> None:
    """The slow look is for NaN alone."""
    assert encoding.encode({"a": None, "b": 1.5}) == b'{"a":null,"b":1.5}'
    assert encoding.encode(["null", 2.5]) == b'["null",2.5]'


class Unhelpful:
    """Nothing knows how to write this."""


def deep(levels: int) -> object:
    """Return a list nested that deep."""
    value: object = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        Unhelpful(),
        {"a": Unhelpful()},
        Model,
        "\ud800",
        {"\udfff": 1},
        {(1, 2): 3},
        deep(100_000),
    ],
    ids=["object", "inside", "class", "surrogate", "surrogate-key", "key", "deep"],
)
def test_what_cannot_be_written_is_refused_as_an_invalid_event(value: object) -> None:
    """Whatever the library raises, callers see one error."""
    with pytest.raises(InvalidEvent, match="cannot be written as JSON"):
        encoding.encode(value)


NOT_JSON = [
    *(b"", b" ", b"{", b"[1,]", b"{'a':1}", b"01", b"1.", b"NaN", b"Infinity", b"-", b"nul"),
    *(b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b'"\x01"', b"{}{}", b"\x00"),
    b"[" * 100_000,
]


@pytest.mark.parametrize("document", NOT_JSON, ids=lambda document: repr(document[:12]))
def test_a_document_that_is_not_json_is_refused(document: bytes) -> None:
    """The quick check and the decoder agree on what is not JSON."""
    with pytest.raises(InvalidEvent, match="not valid JSON"):
        encoding.check(document)
    with pytest.raises(InvalidEvent, match="not valid JSON"):
        encoding.decode(document)


@given(st.binary(max_size=12) | st.text(max_size=12).map(str.encode))
def test_the_quick_check_refuses_whatever_the_decoder_refuses(document: bytes) -> None:
    """Nothing gets in that cannot be read back."""
    try:
        encoding.check(document)
    except InvalidEvent:
        with pytest.raises(InvalidEvent):
            encoding.decode(document)
    else:
        encoding.decode(document)


@pytest.mark.parametrize("document", [b"[]", b'"a"', b"null", b"1"])
def test_a_document_that_is_no_object_is_refused_as_one(document: bytes) -> None:
    """Metadata has names."""
    with pytest.raises(InvalidEvent, match="a JSON object is needed"):
        encoding.decode_object(document)
    assert encoding.decode_object(b'{"a":1}') == {"a": 1}
