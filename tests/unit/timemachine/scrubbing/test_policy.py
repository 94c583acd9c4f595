from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from backstory.core.errors import InvalidSetting, SchemaError
from backstory.core.personal import Personal
from backstory.core.schema import EventType, Schema
from backstory.timemachine.scrubbing.declared import declared_fields
from backstory.timemachine.scrubbing.policy import Policy, TypePolicy, load_policy, policy_of
from backstory.timemachine.scrubbing.scrubber import key_from_file, new_key
from backstory.timemachine.scrubbing.treatment import Treatment
from tests.unit.timemachine.scrubbing.people import SCHEMA, scrubber

KEEP, DROP, PSEUDONYM = Treatment.KEEP, Treatment.DROP, Treatment.PSEUDONYM

Name = NewType("Name", str)
T = TypeVar("T")
Amount = TypeAliasType("Amount", Annotated[int, Personal])


@dataclass
class AsDataclass:
    """A dataclass with a mark."""

    name: Annotated[str, Personal]
    tags: list[Annotated[str, Personal]] = field(default_factory=list)
    plan: str = "free"


class AsTypedDict(TypedDict):
    """A TypedDict with a mark."""

    name: Annotated[str, Personal]
    tags: NotRequired[list[Annotated[str, Personal]]]
    plan: NotRequired[str]


class AsPydantic(pydantic.BaseModel):
    """A pydantic model with a mark."""

    name: Annotated[str, Personal]
    tags: list[Annotated[str, Personal]] = []
    plan: str = "free"


@attrs.define
class AsAttrs:
    """An attrs class with a mark."""

    name: Annotated[str, Personal]
    tags: list[Annotated[str, Personal]] = attrs.Factory(list)
    plan: str = "free"


class AsStruct(msgspec.Struct):
    """A Struct with a mark."""

    name: Annotated[Name, Personal]
    tags: tuple[Annotated[str, Personal], ...] = ()
    plan: Literal["free", "gold"] = "free"


class Node(msgspec.Struct):
    """A type that holds itself."""

    name: Annotated[str, Personal]
    inner: "list[Node]" = []  # noqa: UP037 - as users write it without postponed annotations


class Card(msgspec.Struct, tag="card", rename="camel"):
    """One way to pay."""

    full_name: Annotated[str, Personal]


class Cash(msgspec.Struct, tag="cash"):
    """Another."""

    amount: int


class Pair(NamedTuple):
    """Fields without names in JSON."""

    name: Annotated[str, Personal]
    points: int


class Page(msgspec.Struct, Generic[T]):
    """A generic model."""

    item: T


class Way(NamedTuple):
    """Fields without names, none of them personal."""

    kind: Literal["air", "sea"]
    points: int


class Paid(msgspec.Struct):
    """Nested in every way."""

    by: Card | Cash | None
    pair: Pair
    page: Page[AsDataclass]
    total: Annotated[int, msgspec.Meta(ge=0)]
    way: tuple[Way, ...] = ()


@dataclass
class Priced:
    """A field whose type has a name."""

    price: Amount


class Aliased(pydantic.BaseModel):
    """A pydantic model whose JSON has other names."""

    full_name: Annotated[str, Personal] = pydantic.Field(alias="fullName")


class Whole(pydantic.RootModel[dict[str, AsPydantic]]):
    """A pydantic model that is nothing but a dict."""


class Account(msgspec.Struct):
    """A personal field that names streams."""

    owner: Annotated[UUID, Personal]


class Plain(msgspec.Struct):
    """Nothing is personal."""

    item: str


class Unresolved(msgspec.Struct):
    """An annotation that names nothing."""

    item: Nowhere  # type: ignore[name-defined]  # noqa: F821 - the mistake under test


def _treatments(python: type) -> dict[str, Treatment]:
    return dict(policy_of(Schema(EventType("x", python))).events["x"].fields)


@pytest.mark.parametrize("python", [AsDataclass, AsTypedDict, AsPydantic, AsAttrs, AsStruct])
def test_marks_are_found_in_every_kind_of_model(python: type) -> None:
    """Users bring the models they have."""
    assert _treatments(python) == {"name": PSEUDONYM, "tags": PSEUDONYM, "plan": KEEP}
    required = {path: one.required for path, one in declared_fields(python).items()}
    assert required == {"name": True, "tags": False, "plan": False}


def test_marks_are_found_in_models_within_models() -> None:
    """Paths are those of the JSON; a tag and an array are treated as they stand there."""
    assert _treatments(Paid) == {
        "by.fullName": PSEUDONYM,
        "by.type": KEEP,
        "by.amount": KEEP,
        "pair": PSEUDONYM,
        "page.item.name": PSEUDONYM,
        "page.item.tags": PSEUDONYM,
        "page.item.plan": KEEP,
        "total": KEEP,
        "way": KEEP,
    }
    assert _treatments(Aliased) == {"fullName": PSEUDONYM}
    assert _treatments(Whole) == {
        "*.name": PSEUDONYM,
        "*.tags": PSEUDONYM,
        "*.plan": KEEP,
        "$keys": KEEP,
    }


def test_a_name_for_a_type_is_looked_through() -> None:
    """What stands behind the name counts."""
    assert declared_fields(Priced)["price"].personal


def test_a_type_that_holds_itself_is_personal_from_the_second_level_on() -> None:
    """There is no end of paths, so what is below is treated as one."""
    assert _treatments(Node) == {"name": PSEUDONYM, "inner": PSEUDONYM}


def test_a_boolean_and_what_is_marked_to_go_are_dropped() -> None:
    """A boolean has no pseudonym that would hide it."""
    fields = policy_of(SCHEMA).events["joined"].fields
    assert (fields["member"], fields["notes"]) == (DROP, DROP)


def test_fields_that_a_type_does_not_declare_are_safe_where_something_is_personal() -> None:
    """Old shapes hold what today's marks do not name."""
    events = policy_of(SCHEMA).events
    assert (events["joined"].unknown, events["ordered"].unknown) == (PSEUDONYM, KEEP)
    assert policy_of(Schema(EventType("x", dict))).events["x"].unknown is PSEUDONYM


def test_a_marked_identifier_makes_all_keys_of_streams_personal() -> None:
    """A UUID that tells who somebody is must not stand in the name of a stream."""
    stream = "account-7f0c2a9e-41d8-4a3c-9c1f-2d6a0f8b7e11"
    assert policy_of(Schema(EventType("x", Account))).streams == {"*": PSEUDONYM}
    assert policy_of(SCHEMA).streams == {}
    schema = Schema(EventType("x", Account))
    assert load_policy("", schema).streams == {"*": PSEUDONYM}
    assert scrubber(policy_of(schema)).stream(stream) != stream


def test_a_schema_without_a_mark_treats_nothing() -> None:
    """Whoever marks nothing and writes no policy is told so by a caller."""
    plain = policy_of(Schema(EventType("x", Plain)))
    assert not plain.treats_anything
    assert plain.streams == {"*": KEEP}
    assert policy_of(SCHEMA).treats_anything


def test_an_annotation_that_names_nothing_is_an_error() -> None:
    """A mark that cannot be seen must not be passed over."""
    with pytest.raises(SchemaError, match="annotations of Unresolved cannot be resolved"):
        declared_fields(Unresolved)


POLICY = """
others = "drop"

[streams]
user = "pseudonym"
order = "keep"

[metadata]
ip = "drop"

[events.joined]
unknown = "drop"

[events.joined.fields]
plan = "pseudonym"
addresses.street = "drop"
nicknames = "keep"

[events.legacy]
retired = true
fields = {name = "pseudonym"}

[tables.user]
username = "pseudonym"
"""


def test_a_file_says_what_differs_from_the_marks(tmp_path: Path) -> None:
    """What it does not name is as the marks say."""
    path = tmp_path / "scrub.toml"
    path.write_text(POLICY, encoding="utf-8")
    policy = load_policy(path, SCHEMA)
    joined = policy.events["joined"]
    assert policy.others is DROP
    assert policy.streams == {"user": PSEUDONYM, "order": KEEP}
    assert policy.metadata == {"ip": DROP}
    assert policy.tables == {"user": {"username": PSEUDONYM}}
    assert joined == policy.events["member-joined"]
    assert joined.unknown is DROP
    plain = policy_of(SCHEMA).events["joined"].fields
    changed = {"plan": PSEUDONYM, "addresses.street": DROP, "nicknames": KEEP}
    assert joined.fields == {**plain, **changed}
    assert policy.events["legacy"] == TypePolicy(fields={"name": PSEUDONYM}, unknown=PSEUDONYM)
    assert policy.events["ordered"] == policy_of(SCHEMA).events["ordered"]


def test_a_path_speaks_for_everything_below_it() -> None:
    """A file can keep, or treat, a whole model."""
    fields = load_policy('events.joined.fields.addresses = "keep"', SCHEMA).events["joined"].fields
    assert fields["addresses"] is KEEP
    assert not any(path.startswith("addresses.") for path in fields)


def test_a_file_alone_is_a_policy() -> None:
    """Without a schema nothing is known but what it says, and the rest is safe."""
    policy = load_policy('[events.joined.fields]\nplan = "keep"')
    assert policy.events["joined"] == TypePolicy(fields={"plan": KEEP}, unknown=PSEUDONYM)
    assert policy.others is PSEUDONYM
    assert load_policy("") == Policy()


def test_old_paths_of_a_type_with_versions_may_be_named() -> None:
    """Only upcasters know what old shapes hold."""
    schema = Schema(EventType("x", Plain, version=2, upcasters={1: lambda data: data}))
    policy = load_policy('events.x.fields.oldName = "pseudonym"', schema)
    assert policy.events["x"] == TypePolicy(
        fields={"item": KEEP, "oldName": PSEUDONYM}, unknown=PSEUDONYM
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = ", "is not TOML"),
        ('[event]\nx = "keep"', "'event' is not a section of a policy; did you mean 'events'?"),
        ('others = "pseudonim"', "'pseudonim', and there is no such .*mean 'pseudonym'?"),
        ("others = 5", "others is given the treatment 5"),
        ('streams.user = "drop"', "streams.user cannot be dropped"),
        ('events.joind.fields.a = "keep"', "type 'joind', .*; did you mean 'joined'?"),
        ('events.joined.fields.usrname = "keep"', "field 'usrname' of .*mean 'username'?"),
        ('events.joined.fields.addresses.streets = "keep"', "mean 'addresses.street'?"),
        ('events.joined.field.a = "keep"', "'field' is not a setting of events.joined of a policy"),
        ('events.joined.retired = "yes"', "events.joined.retired is true or false, not 'yes'"),
        ('events.joined = "keep"', "'joined' is a section of its own, not 'keep'"),
        ('streams = "keep"', "'streams' is a section of its own"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_what_could_be(text: str, words: str) -> None:
    """A typing error must not let personal data through."""
    with pytest.raises(InvalidSetting, match=words.replace("?", r"\?")):
        load_policy(text, SCHEMA)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Whoever mistyped the name of the file sees it."""
    with pytest.raises(InvalidSetting, match=r"none\.toml cannot be read"):
        load_policy(tmp_path / "none.toml")


def test_equal_policies_share_a_digest_and_different_ones_do_not() -> None:
    """A capture names the policy by it."""
    one = load_policy('[streams]\na = "keep"\nb = "pseudonym"')
    other = load_policy('[streams]\nb = "pseudonym"\na = "keep"')
    assert one.digest() == other.digest() != load_policy("").digest()


def test_a_key_is_read_from_a_file(tmp_path: Path) -> None:
    """Captures made with one key can be compared."""
    path = tmp_path / "key"
    key = new_key()
    path.write_bytes(key + b"\n")
    assert key_from_file(path) == key != new_key()
    path.write_bytes(b"short\n")
    with pytest.raises(InvalidSetting, match="key has 5 bytes and needs at least 16"):
        key_from_file(path)
    with pytest.raises(InvalidSetting, match="none cannot be read"):
        key_from_file(tmp_path / "none")
