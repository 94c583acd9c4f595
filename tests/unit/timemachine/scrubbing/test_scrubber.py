from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.core.errors import CaptureRefused, InvalidSetting
from backstory.core.names import check_stream_name
from backstory.core.schema import EventType, Schema
from backstory.timemachine.captures.scrubbing import Scrubbing
from backstory.timemachine.scrubbing.policy import Policy, load_policy, policy_of
from backstory.timemachine.scrubbing.scrubber import Scrubber
from tests.unit.timemachine.scrubbing.people import KEY, SCHEMA, Joined, Sex, recorded, scrubber

JOINED = {
    "username": "donald-le",
    "email": "donald@example.com",
    "plan": "gold",
    "born": "1984-05-17",
    "sex": "m",
    "member": True,
    "addresses": [{"street": "Long Road 5", "country": "DE"}],
    "nicknames": ["Donny", "The Duck"],
    "friends": {"daisy": 3},
    "notes": "owes Gustav money",
    "points": 1250,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def test_nothing_that_is_marked_survives_and_the_rest_does() -> None:
    """What the marks say is done; the type can still be read."""
    treated = scrubber().event(recorded(JOINED))
    for original in (b"onald", b"1984-05-17", b"Long Road", b"Duck", b"daisy", b"Gustav", b"true"):
        assert original not in treated.data
    data = msgspec.json.decode(treated.data, type=Joined)
    assert (data.plan, data.points, data.addresses[0].country) == ("gold", 1250, "DE")
    assert data.born is not None
    assert data.born.year == 1984
    assert data.sex in {Sex.FEMALE, Sex.OTHER} - {Sex.MALE}
    assert data.email.endswith(".test")
    assert len(data.addresses[0].street) == len("Long Road 5")
    assert list(data.friends.values()) == [3]


def test_place_time_id_and_type_of_an_event_stay() -> None:
    """A capture has the positions of its source."""
    before = recorded(JOINED)
    after = scrubber().event(before)
    assert (
        msgspec.structs.replace(
            after, stream=before.stream, data=before.data, metadata=before.metadata
        )
        == before
    )


def test_the_key_of_a_stream_and_a_field_of_the_same_value_agree() -> None:
    """Code that finds the stream of a user by name goes on."""
    treated = scrubber().event(recorded(JOINED))
    data = msgspec.json.decode(treated.data, type=Joined)
    assert treated.stream == f"user-{data.username}"
    assert treated.stream != "user-donald-le"
    assert scrubber().stream("user-donald-le") == treated.stream
    assert scrubber().value("donald-le") == data.username
    assert scrubber().stream("$$user-donald-le") == f"$${treated.stream}"


def test_a_kept_field_that_holds_the_key_of_its_stream_follows_it() -> None:
    """An event that names its own stream in a field without a mark stays consistent."""
    treated = scrubber().event(recorded({"item": "donald-le", "count": 2}, type="ordered"))
    assert treated.data == (
        b'{"item":"%b","count":2}' % treated.stream.removeprefix("user-").encode()
    )
    assert b"donald" not in treated.data


def test_an_event_without_personal_data_keeps_its_bytes() -> None:
    """Even the white space of its JSON."""
    before = msgspec.structs.replace(
        recorded({}, type="ordered"), data=b'{ "item": "tea", "count": 1.0 }'
    )
    assert scrubber().event(before).data == before.data


@pytest.mark.parametrize(
    "stream", ["order-17", "order-7f0c2a9e-41d8-4a3c-9c1f-2d6a0f8b7e11", "settings", "settings-"]
)
def test_names_of_streams_that_code_made_stay(stream: str) -> None:
    """What refers to them from fields without a mark goes on."""
    assert scrubber().stream(stream) == stream


def test_a_policy_says_which_categories_are_personal() -> None:
    """What is said counts more than how a key looks."""
    policy = load_policy('streams = {order = "pseudonym", user = "keep"}', SCHEMA)
    treating = scrubber(policy)
    assert treating.stream("order-17") != "order-17"
    assert treating.stream("user-donald-le") == "user-donald-le"


@settings(deadline=None, max_examples=80)
@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=50))
def test_the_name_of_a_stream_stays_one_that_a_store_takes(key: str) -> None:
    """A capture is a store."""
    check_stream_name(scrubber().stream(f"user-{key}"))


def test_a_field_that_the_type_does_not_know_gets_a_pseudonym() -> None:
    """What an old shape called otherwise is as personal as what it is called today."""
    treated = scrubber().event(
        recorded({**JOINED, "fullName": "Donald Duck", "old": [{"a": 4711}]})
    )
    data = msgspec.json.decode(treated.data)
    assert "Duck" not in data["fullName"]
    assert data["old"] != [{"a": 4711}]
    assert len(str(data["old"][0]["a"])) == 4


def test_an_event_type_that_nobody_knows_is_treated_text_by_text() -> None:
    """Its names stay, unless they look like data; booleans and null stay."""
    data = {"who": "donald", "donald@example.com": [True, None, 12.5, "Duck"]}
    treated = scrubber().event(recorded(data, type="imported"))
    assert b"donald" not in treated.data
    assert b"Duck" not in treated.data
    assert b'"who":' in treated.data
    assert b"[true,null," in treated.data
    kept = scrubber(load_policy('others = "keep"', SCHEMA)).event(recorded(data, type="imported"))
    assert kept.data == recorded(data).data


def test_events_under_a_former_name_are_treated_alike() -> None:
    """A renamed type has the same fields."""
    one, other = (scrubber().event(recorded(JOINED, type=t)) for t in ("joined", "member-joined"))
    assert one.data == other.data


def test_everything_in_a_marked_model_is_personal() -> None:
    """A mark on a nested model counts for all of its fields."""
    data = {"to": {"street": "Long Road", "country": "Norway"}}
    treated = scrubber().event(recorded(data, type="moved"))
    assert b"Road" not in treated.data
    assert b"Norway" not in treated.data
    assert b'"country":' in treated.data


def test_a_name_that_stands_twice_hides_nothing() -> None:
    """JSON may give a field two values; readers see the last, a look at the bytes both."""
    twice = msgspec.structs.replace(
        recorded({}), data=b'{"username":"donald","username":null,"plan":"gold"}'
    )
    assert b"donald" not in scrubber().event(twice).data


def test_metadata_keeps_what_backstory_wrote() -> None:
    """Correlation and version stay, what the application added does not."""
    metadata = {"$correlationId": "c-1", "$schemaVersion": 2, "user": "donald", "tenant": "acme"}
    policy = load_policy('[metadata]\ntenant = "keep"', SCHEMA)
    treated = scrubber(policy).event(recorded({}, metadata=metadata)).meta()
    assert treated.pop("user") not in {"donald", None}
    assert treated == {"$correlationId": "c-1", "$schemaVersion": 2, "tenant": "acme"}


def test_what_is_dropped_leaves_a_value_that_the_type_can_take() -> None:
    """Optional fields go, nullable ones become null, others what is empty of their kind."""
    policy = load_policy(
        '[events.joined.fields]\nusername = "drop"\nplan = "drop"\naddresses = "drop"\n'
        'born = "drop"\nsex = "drop"\n"friends.$keys" = "drop"\n'
        '[events.moved.fields]\nto = "drop"',
        SCHEMA,
    )
    treated = scrubber(policy).event(recorded(JOINED))
    data = msgspec.json.decode(treated.data)
    assert (data["username"], data["plan"], data["friends"]) == ("", "", {})
    assert not {"addresses", "born", "sex", "notes", "member"} & set(data)
    assert msgspec.json.decode(treated.data, type=Joined).member is False
    moved = recorded({"to": {"street": "Long Road", "country": "NO"}}, type="moved")
    assert scrubber(policy).event(moved).json() == {"to": {"street": "", "country": ""}}


@settings(deadline=None, max_examples=80)
@given(JSON)
def test_any_document_keeps_its_shape(data: object) -> None:
    """Objects, lists, booleans and nulls are where they were."""

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return [shape(inner) for inner in value.values()]
        if isinstance(value, list):
            return [shape(inner) for inner in value]
        return value if value is None or isinstance(value, bool) else type(value)

    treated = scrubber().event(recorded(data, type="imported"))
    assert shape(treated.json()) == shape(data)


def test_data_nested_too_deep_is_refused_by_name() -> None:
    """The capture says which type it was, and what to do."""
    deep = "[" * 900 + '"x"' + "]" * 900
    before = msgspec.structs.replace(recorded({}, type="imported"), data=deep.encode())
    with pytest.raises(CaptureRefused, match=r"'imported' at .* nested too deep"):
        scrubber().event(before)


def test_texts_from_elsewhere_lose_the_values_that_events_held() -> None:
    """The words of an error tell of nobody."""
    treating = scrubber()
    treated = treating.event(recorded({**JOINED, "nicknames": ["王小明", "Donald Duck"]}))
    data = msgspec.json.decode(treated.data, type=Joined)
    words = (
        "Key (username)=(donald-le) of 'Donald Duck', 用户王小明, mail: someone@else.org, line 12"
    )
    text = treating.text(words)
    for original in ("donald-le", "Donald", "王小明", "someone"):
        assert original not in text
    assert f"(username)=({data.username}) of '{data.nicknames[1]}'" in text
    assert text.endswith(", line 12")


def test_before_any_event_a_text_stays() -> None:
    """Nothing is known that could be found."""
    assert scrubber().text("donald-le is a name") == "donald-le is a name"
    assert scrubber().leaks(b"donald-le") == ()


def test_a_value_that_survived_is_found() -> None:
    """A capture can look at its own file."""
    treating = scrubber()
    treated = treating.event(recorded(JOINED))
    assert treating.leaks(treated.data + treated.stream.encode()) == ()
    assert treating.leaks(b'{"note":"ask donald-le of Long Road 5"}') == (
        "donald-le",
        "Long Road 5",
    )
    assert treating.leaks(b"owes Gustav money") == ("owes Gustav money",)
    treating.event(recorded({**JOINED, "username": "username", "nicknames": ["joined"]}))
    assert treating.leaks(b'{"username":"joined"}') == ()


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text("abcdefghij", min_size=12, max_size=20), min_size=1, max_size=8))
def test_every_marked_value_is_found_and_none_is_left(names: list[str]) -> None:
    """What was treated is never missed, and never there."""
    treating = scrubber()
    documents = [treating.event(recorded({**JOINED, "username": name})).data for name in names]
    assert treating.leaks(b"\n".join(documents)) == ()
    assert set(treating.leaks(" ".join(names).encode())) == set(names)


def test_a_long_value_is_found_stretch_by_stretch() -> None:
    """A note of many words is replaced as a whole."""
    note = " ".join(f"word{chr(97 + index)}" for index in range(20))
    treating = scrubber()
    treating.event(recorded({**JOINED, "nicknames": [note]}))
    assert "word" not in treating.text(f"failed on: {note}.")


def test_rows_are_treated_by_the_same_rules() -> None:
    """A row of a read model agrees with the event it is from."""
    policy = load_policy('[tables.user]\nid = "keep"\nphoto = "drop"', SCHEMA)
    treating = scrubber(policy)
    key = UUID("7f0c2a9e-41d8-4a3c-9c1f-2d6a0f8b7e11")
    row = {
        "id": 17,
        "photo": b"x",
        "name": "donald-le",
        "born": date(1984, 5, 17),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "key": key,
        "debt": Decimal("12.50"),
        "secret": b"\x01\x02",
        "none": None,
    }
    treated = treating.row("user", row)
    assert (treated["id"], treated["photo"], treated["none"]) == (17, None, None)
    assert treated["name"] == treating.value("donald-le")
    assert treated["key"] == UUID(str(treating.value(str(key))))
    assert treated["born"] != row["born"]
    for name in ("born", "at", "debt", "secret"):
        assert type(treated[name]) is type(row[name])
        assert treated[name] != row[name]


def test_a_value_of_any_kind_gets_the_pseudonym_of_events() -> None:
    """Lists are treated item by item; what has no pseudonym stays."""
    treating = scrubber()
    assert treating.value(["donald-le", None, True]) == [treating.value("donald-le"), None, True]


def test_a_scrubber_is_what_a_capture_takes() -> None:
    """It tells the policy and the key by their hashes, and nothing of the key."""
    treating: Scrubbing = scrubber()
    assert treating.policy == policy_of(SCHEMA).digest()
    assert len(treating.key) == 12
    assert treating.key not in KEY.decode()
    assert treating.key == scrubber().key_id != scrubber(key=b"another key of bytes").key_id


def test_a_key_that_is_easy_to_guess_is_refused() -> None:
    """Whoever has it could try out every name."""
    with pytest.raises(InvalidSetting, match="has 3 bytes and needs at least 16"):
        scrubber(Policy(), b"abc")


class Detailed(msgspec.Struct):
    """Free objects, and a required choice."""

    free: object
    sex: Sex


def test_free_objects_that_are_kept_and_required_choices_that_are_dropped() -> None:
    """What is kept is kept to the bottom; a choice that must be there is the first."""
    schema = Schema(EventType("detailed", Detailed))
    policy = load_policy('events.detailed.fields.sex = "drop"', schema)
    before = recorded({"free": {"a": [{"b": "c"}]}, "sex": "m"}, type="detailed")
    after = Scrubber(policy, KEY, schema).event(before)
    assert after.json() == {"free": {"a": [{"b": "c"}]}, "sex": "f"}


def test_metadata_of_backstory_alone_keeps_its_bytes() -> None:
    """Nothing is written anew that nobody has to treat."""
    before = msgspec.structs.replace(recorded({}), metadata=b'{ "$correlationId": "c-1" }')
    assert scrubber().event(before).metadata == before.metadata
