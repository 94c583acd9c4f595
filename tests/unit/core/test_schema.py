"""The schema: stable names, every kind of model, and old shapes that become new on reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from backstory.core.errors import (
    InvalidEvent,
    InvalidInput,
    InvalidName,
    SchemaError,
    UndecodableEvent,
    UnknownEventType,
    UnknownSchemaVersion,
)
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.schema import EventType, Schema


class Opened(msgspec.Struct, frozen=True):
    """An event as a Struct."""

    owner: str


class OpenedWell(Opened, frozen=True):
    """A Struct below another."""


@dataclass(frozen=True)
class Renamed:
    """An event as a dataclass."""

    owner: str


class Closed(pydantic.BaseModel):
    """An event as a pydantic model."""

    reason: str


class Noted(TypedDict):
    """An event as a TypedDict."""

    note: str


class Marked(TypedDict):
    """Another TypedDict."""

    mark: str


SCHEMA = Schema(
    EventType("opened", Opened),
    EventType("renamed", Renamed),
    EventType("closed", Closed),
    EventType("noted", Noted),
)


def recorded(event: NewEvent) -> RecordedEvent:
    """Return *event* as a store would give it back."""
    return RecordedEvent(
        1, "account-1", 0, event.type, event.data, event.metadata, event.id.bytes, 0
    )


def raw(kind: str, data: bytes, metadata: bytes = b"{}") -> RecordedEvent:
    """Return a recorded event of raw parts."""
    return RecordedEvent(1, "account-1", 0, kind, data, metadata, b"x" * 16, 0)


@pytest.mark.parametrize("value", [Opened("a"), Renamed("ö"), Closed(reason="r")])
def test_every_kind_of_model_comes_back_as_it_was(value: object) -> None:
    """Structs, dataclasses and pydantic models."""
    event = SCHEMA.encode(value, metadata={"actor": "a"}, id=UUID(int=7))
    assert SCHEMA.decode(recorded(event)) == value
    assert type(SCHEMA.decode(recorded(event))) is type(value)
    assert (event.metadata, event.id) == (b'{"actor":"a"}', UUID(int=7))


def test_a_typed_dict_is_encoded_when_its_type_is_named() -> None:
    """A plain dict cannot tell what it is."""
    note: Noted = {"note": "n"}
    event = SCHEMA.encode(note, python=Noted)
    assert event.type == "noted"
    assert SCHEMA.decode_as(recorded(event), Noted) == note
    with pytest.raises(SchemaError, match="dict is not in the schema"):
        SCHEMA.encode(note)


def test_an_event_without_metadata_has_an_empty_object() -> None:
    """And a fresh id."""
    first, second = SCHEMA.encode(Opened("a")), SCHEMA.encode(Opened("a"))
    assert first.metadata == b"{}"
    assert first.id != second.id


def test_a_value_outside_the_schema_is_refused_with_what_it_holds() -> None:
    """The message lists the choice."""
    with pytest.raises(SchemaError, match=r"int is not in the schema \(it holds: Closed, Noted"):
        SCHEMA.encode(7)
    with pytest.raises(SchemaError, match="it holds: none"):
        Schema().encode(Opened("a"))
    with pytest.raises(SchemaError, match="OpenedWell is not in the schema"):
        SCHEMA.encode(OpenedWell("a"))


def test_a_value_that_json_cannot_hold_is_refused() -> None:
    """The schema adds no way around the encoding."""
    with pytest.raises(InvalidEvent):
        SCHEMA.encode(Opened("\ud800"))


def test_a_schema_tells_its_types_in_order_and_their_names() -> None:
    """Readers of a category ask for every name a type ever had."""
    schema = Schema(
        EventType("opened", Opened, formerly=("started", "begun")), EventType("renamed", Renamed)
    )
    assert [event_type.name for event_type in schema.types] == ["opened", "renamed"]
    assert schema.names_of(Opened) == ("opened", "started", "begun")
    with pytest.raises(SchemaError):
        schema.names_of(Closed)


def test_one_name_or_type_cannot_stand_for_two() -> None:
    """Reading would be a guess."""
    with pytest.raises(InvalidInput, match="two event types are called 'a'"):
        Schema(EventType("a", Opened), EventType("a", Renamed))
    with pytest.raises(InvalidInput, match="two event types are called 'a'"):
        Schema(EventType("a", Opened), EventType("b", Renamed, formerly=("a",)))
    with pytest.raises(InvalidInput, match="Opened stands for two event types"):
        Schema(EventType("a", Opened), EventType("b", Opened))


def test_names_of_types_follow_the_rules_of_names() -> None:
    """Old ones too."""
    with pytest.raises(InvalidName):
        EventType("", Opened)
    with pytest.raises(InvalidName):
        EventType("a", Opened, formerly=("b\n",))


def same(data: dict[str, object]) -> dict[str, object]:
    """Change nothing."""
    return data


@pytest.mark.parametrize(
    ("version", "upcasters"),
    [(0, {}), (2, {}), (1, {1: same}), (3, {1: same}), (3, {2: same}), (2, {1: same, 2: same})],
)
def test_a_version_has_one_upcaster_for_each_step_before_it(
    version: int, upcasters: dict[int, Callable[[dict[str, object]], dict[str, object]]]
) -> None:
    """A gap would show when the first old event is read, which is too late."""
    with pytest.raises(InvalidInput, match="needs upcasters for"):
        EventType("a", Opened, version=version, upcasters=upcasters)


def name_to_holder(data: dict[str, object]) -> dict[str, object]:
    """Version 1 said name."""
    return {"holder": data["name"]}


def holder_to_owner(data: dict[str, object]) -> dict[str, object]:
    """Version 2 said holder."""
    return {"owner": data["holder"]}


GROWN = Schema(
    EventType(
        "opened",
        Opened,
        version=3,
        upcasters={1: name_to_holder, 2: holder_to_owner},
        formerly=("started",),
    ),
    EventType("renamed", Renamed),
)
MARK = b'{"$schemaVersion":%d}'


@pytest.mark.parametrize("kind", ["opened", "started"])
@pytest.mark.parametrize(
    ("data", "metadata"),
    [
        (b'{"name":"a"}', b"{}"),
        (b'{"name":"a"}', b'{"actor":"V"}'),
        (b'{"name":"a"}', MARK % 1),
        (b'{"holder":"a"}', MARK % 2),
        (b'{"owner":"a"}', MARK % 3),
        (b'{"owner":"a"}', b'{"actor":"b", "$schemaVersion" : 3 }'),
    ],
)
def test_every_old_version_is_read_in_the_newest_shape(
    kind: str, data: bytes, metadata: bytes
) -> None:
    """An event without a version is of the first; old names read as new ones."""
    event = raw(kind, data, metadata)
    assert GROWN.decode(event) == Opened("a")
    assert GROWN.decode_page([event]) == [Opened("a")]


def test_a_grown_type_is_written_with_its_version() -> None:
    """Or its events would be taken for old ones."""
    event = GROWN.encode(Opened("a"), metadata={"actor": "b"})
    assert recorded(event).meta() == {"actor": "b", "$schemaVersion": 3}
    assert GROWN.decode(recorded(event)) == Opened("a")
    assert recorded(GROWN.encode(Renamed("a"))).meta() == {}


def test_a_version_newer_than_the_code_is_refused() -> None:
    """Also for a type that this code has never seen change."""
    with pytest.raises(UnknownSchemaVersion) as caught:
        GROWN.decode(raw("opened", b'{"owner":"a"}', MARK % 4))
    assert (caught.value.type, caught.value.version, caught.value.known) == ("opened", 4, 3)
    with pytest.raises(UnknownSchemaVersion) as caught:
        GROWN.decode_page([raw("renamed", b'{"owner":"a"}', MARK % 2)])
    assert (caught.value.version, caught.value.known) == (2, 1)


@pytest.mark.parametrize("version", [b'"2"', b"0", b"-1", b"true", b"1.0", b"null", b"[]"])
def test_a_version_that_is_none_makes_the_event_undecodable(version: bytes) -> None:
    """Guessing a version would corrupt what is read."""
    with pytest.raises(UndecodableEvent, match="an integer from 1 up"):
        GROWN.decode(raw("opened", b'{"name":"a"}', b'{"$schemaVersion":%s}' % version))


@pytest.mark.parametrize(
    "event",
    [
        raw("opened", b'{"wrong":"a"}'),
        raw("opened", b'{"name":1}'),
        raw("opened", b"[]"),
        raw("opened", b"{", MARK % 3),
        raw("opened", b"{}", b"[V"),
        raw("opened", b'{"name":"a"}', b'["$schemaVersion"]'),
        raw("renamed", b'{"owner":1}'),
        raw("renamed", b"{"),
        raw("renamed", b"{}"),
    ],
)
def test_an_event_that_does_not_fit_is_named_with_its_place(event: RecordedEvent) -> None:
    """Wrong data, failing upcasters and damaged bytes are one error, with the cause kept."""
    for read in (
        GROWN.decode,
        lambda one: GROWN.decode_page([raw("renamed", b'{"owner":""}'), one]),
    ):
        with pytest.raises(UndecodableEvent) as caught:
            read(event)
        assert caught.value.type == event.type
        assert caught.value.place == "'account-1' revision 0, position 1"
        assert caught.value.__cause__ is not None


def test_a_model_that_raises_a_key_error_is_undecodable_not_unknown() -> None:
    """The type is known; its validator failed."""

    class Picky(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def known(cls, name: str) -> str:
            return {"a": "A"}[name]

    with pytest.raises(UndecodableEvent, match="KeyError"):
        Schema(EventType("picky", Picky)).decode(raw("picky", b'{"name":"b"}'))


@pytest.mark.parametrize("metadata", [b"{}", MARK % 1])
def test_an_unknown_type_is_named_with_the_known_ones(metadata: bytes) -> None:
    """Nothing is skipped in silence."""
    event = raw("gone", b"{}", metadata)
    for read in (GROWN.decode, lambda one: GROWN.decode_page([one])):
        with pytest.raises(UnknownEventType) as caught:
            read(event)
        assert (caught.value.type, caught.value.known) == ("gone", ("opened", "started", "renamed"))


def test_decode_as_vouches_for_the_type() -> None:
    """A caller that knows what it wants is told when it is wrong."""
    event = raw("opened", b'{"owner":"a"}')
    assert SCHEMA.decode_as(event, Opened) == Opened("a")
    assert SCHEMA.decode_as(event, msgspec.Struct) == Opened("a")
    with pytest.raises(SchemaError, match="is a Opened, not a Renamed"):
        SCHEMA.decode_as(event, Renamed)
    with pytest.raises(SchemaError, match="is a dict, not a Marked"):
        SCHEMA.decode_as(raw("noted", b'{"note":"n"}'), Marked)


def test_a_page_is_decoded_in_order() -> None:
    """One value for each event."""
    page = [raw("renamed", b'{"owner":"a"}'), raw("opened", b'{"name":"b"}')]
    assert GROWN.decode_page(page) == [Renamed("a"), Opened("b")]
    assert GROWN.decode_page([]) == []
