"""Events are checked when they are made, so that every store may trust them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from backstory.core import events
from backstory.core.errors import EventTooLarge, InvalidEvent, InvalidName
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.names import MAX_EVENT_BYTES

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_an_event_holds_its_data_as_json() -> None:
    """Data and metadata become bytes at once."""
    event = NewEvent.of("user-created", {"username": "ö"}, metadata={"actor": "a"}, id=ID)
    assert event.data == '{"username":"ö"}'.encode()
    assert event.metadata == b'{"actor":"a"}'
    assert event.id == ID


def test_an_event_without_an_id_gets_a_new_one() -> None:
    """Time-ordered, and never the same twice."""
    first, second = NewEvent.of("a", 1), NewEvent("a", b"1")
    assert first.id < second.id
    assert first.id.version == second.id.version == 7
    assert first.metadata == second.metadata == b"{}"


def test_an_event_cannot_be_changed() -> None:
    """Facts are immutable."""
    event = NewEvent.of("a", 1)
    with pytest.raises(AttributeError):
        event.type = "b"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("kind", ["", "a\nb", None, 7, ["a"], "x" * 1_001])
def test_an_event_type_follows_the_rules_of_names(kind: object) -> None:
    """Also for values that no dictionary could hold."""
    with pytest.raises(InvalidName):
        NewEvent(kind, b"1")  # type: ignore[arg-type]  # the point of the test


def test_a_text_of_another_class_is_no_event_type() -> None:
    """A str subclass may lie about being equal to a good name."""

    class Text(str):
        __slots__ = ()

    NewEvent("good", b"1")
    with pytest.raises(InvalidName):
        NewEvent(Text("good"), b"1")


def test_endless_type_names_do_not_fill_the_memory() -> None:
    """The names found good are remembered, but not all of them."""
    for number in range(2_500):
        NewEvent(f"type-{number}", b"1")
    assert len(events._checked_types) <= 1_000  # noqa: SLF001 - nothing else shows it
    with pytest.raises(InvalidName):
        NewEvent("\n", b"1")


@pytest.mark.parametrize("given", [str(ID), None, 7, ID.bytes])
def test_an_id_is_a_uuid(given: object) -> None:
    """A text that looks like one would differ from it in every comparison."""
    with pytest.raises(InvalidEvent, match="an event's id is a UUID"):
        NewEvent("a", b"1", id=given)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("document", ["{}", {"a": 1}, bytearray(b"{}"), memoryview(b"{}"), None])
def test_data_and_metadata_are_bytes(document: object) -> None:
    """A bytearray could change after the check."""
    with pytest.raises(InvalidEvent, match="data is JSON as bytes"):
        NewEvent("a", document)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(InvalidEvent, match="metadata is JSON as bytes"):
        NewEvent("a", b"1", document)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize("document", [b"", b"{", b"NaN", b'"\xff"'])
def test_data_and_metadata_are_json(document: bytes) -> None:
    """What could not be read back is not written."""
    with pytest.raises(InvalidEvent, match="not valid JSON"):
        NewEvent("a", document)
    with pytest.raises(InvalidEvent, match="not valid JSON"):
        NewEvent("a", b"1", document)


@pytest.mark.parametrize("document", [b"[]", b"1", b"null", b' "{"'])
def test_metadata_is_an_object(document: bytes) -> None:
    """Metadata has names; data may be any JSON."""
    assert NewEvent("a", document).data == document
    with pytest.raises(InvalidEvent, match="JSON object"):
        NewEvent("a", b"1", document)
    assert NewEvent("a", b"1", b' \n{"a":1}').metadata == b' \n{"a":1}'


def test_the_size_limit_counts_data_and_metadata_together() -> None:
    """The largest event is taken, one byte more is refused."""
    room = MAX_EVENT_BYTES - len(b'{"a":1}') - 2
    largest = NewEvent("film", b'"' + b"x" * room + b'"', b'{"a":1}')
    assert len(largest.data) + len(largest.metadata) == MAX_EVENT_BYTES
    with pytest.raises(EventTooLarge) as caught:
        NewEvent("film", b'"' + b"x" * (room + 1) + b'"', b'{"a":1}')
    assert (caught.value.size, caught.value.limit) == (MAX_EVENT_BYTES + 1, MAX_EVENT_BYTES)
    assert caught.value.type == "film"


def test_what_is_far_too_large_is_refused_unread() -> None:
    """Its size alone decides, even when it is not JSON."""
    with pytest.raises(EventTooLarge):
        NewEvent("film", b"x" * (MAX_EVENT_BYTES + 1))


def recorded(**changes: object) -> RecordedEvent:
    """Return a recorded event with *changes*."""
    event = RecordedEvent(
        position=7,
        stream="user-donald-le",
        revision=2,
        type="user-renamed",
        data=b'{"fullName":"D"}',
        metadata=b'{"actor":"a"}',
        id_bytes=ID.bytes,
        recorded_us=1_709_294_400_000_001,
    )
    return msgspec.structs.replace(event, **changes)


def test_a_recorded_event_tells_its_id_time_category_and_place() -> None:
    """Raw parts become values when they are asked for."""
    event = recorded()
    assert event.id == ID
    assert event.recorded_at == datetime(2024, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
    assert event.category == "user"
    assert event.place == "'user-donald-le' revision 2, position 7"


def test_a_recorded_event_gives_its_documents_as_plain_values() -> None:
    """For tools that know no types."""
    assert recorded().json() == {"fullName": "D"}
    assert recorded().meta() == {"actor": "a"}


def test_a_damaged_document_is_an_invalid_event() -> None:
    """What a damaged file answers is named, whoever asks."""
    with pytest.raises(InvalidEvent):
        recorded(data=b"{").json()
    with pytest.raises(InvalidEvent):
        recorded(metadata=b"[]").meta()
