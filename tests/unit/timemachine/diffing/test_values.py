"""Differences of values: the smallest parts that differ, each with its path."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidInput
from backstory.timemachine.diffing.paths import MISSING, steps_of, value_at
from backstory.timemachine.diffing.values import Change, diff_values


class Item(msgspec.Struct, frozen=True):
    """A line of an order."""

    name: str
    price: int = 1


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """An order that is open."""

    order_items: tuple[Item, ...] = ()
    tags: frozenset[str] = frozenset()
    prices: Mapping[str, Decimal] = MappingProxyType({})


class Open(msgspec.Struct, frozen=True):
    """A state without fields."""


class Closed(msgspec.Struct, frozen=True):
    """Another one."""


class Colour(Enum):
    """Encoded as its value."""

    RED = "red"


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: object


class Model(pydantic.BaseModel):
    """A pydantic model."""

    x: object


@attrs.define
class Attrs:
    """An attrs class."""

    x: object


class Plain:
    """A class of its own."""

    def __init__(self, x: object) -> None:
        """Keep it."""
        self.x = x
        vars(self)["_hidden"] = object()


def told(before: object, after: object) -> list[tuple[str, str, object, object]]:
    """Return the differences as plain values."""
    signs = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}
    return [
        (signs[each.kind], each.path, each.before, each.after)
        for each in diff_values(before, after)
    ]


def test_a_field_of_an_item_has_a_path() -> None:
    """Names are those that the state has as JSON."""
    before = Order((Item("a"), Item("b", 2), Item("c")))
    after = Order((Item("a"), Item("b", 3), Item("c")))
    assert told(before, after) == [("~", "orderItems[1].price", 2, 3)]
    assert (len(after.order_items), after.prices) == (3, {})


def test_one_item_more_at_the_front_is_one_addition() -> None:
    """What follows it is the same as before."""
    assert told([1, 2, 3], [0, 1, 2, 3]) == [("+", "[0]", None, 0)]
    assert told([1, 2, 3, 4], [1, 3, 4]) == [("-", "[1]", 2, None)]
    assert told(["a", "b", "x", "c"], ["b", "y", "c", "d"]) == [
        ("-", "[0]", "a", None),
        ("~", "[1]", "x", "y"),
        ("+", "[3]", None, "d"),
    ]


def test_long_lists_are_compared_item_by_item() -> None:
    """So that it does not take all day."""
    before = list(range(5_000))
    differences = told(before, [*range(1, 5_000), 0])
    assert len(differences) == 5_000
    assert told(before, [*before[:2_500], -1, *before[2_500:]]) == [("+", "[2500]", None, -1)]


def test_sets_have_no_order_and_mappings_may_have_any_key() -> None:
    """What is no plain name stands in brackets."""
    before = Order(tags=frozenset({"a", "b"}), prices={"per hour": Decimal("1.5")})
    after = Order(tags=frozenset({"b", "c"}), prices={"per hour": Decimal("2.5"), "x": Decimal(1)})
    assert told(before, after) == [
        ("-", 'tags{"a"}', "a", None),
        ("+", 'tags{"c"}', None, "c"),
        ("~", 'prices["per hour"]', "1.5", "2.5"),
        ("+", "prices.x", None, "1"),
    ]


def test_a_state_of_another_class_is_another_state() -> None:
    """Also where neither has a field."""
    assert told(Open(), Closed()) == [("~", "__class__", "Open", "Closed")]
    assert told([Open()], [Closed()]) == [("~", "[0].__class__", "Open", "Closed")]
    assert told(None, Item("a")) == [("~", "", None, {"name": "a", "price": 1})]


@pytest.mark.parametrize("kind", [Point, Model, Attrs, Plain])
def test_objects_of_every_kind_have_fields(kind: type) -> None:
    """Structs, dataclasses, pydantic models, attrs classes and any other."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert told(kind(x=[moment]), kind(x=[UUID(int=1)])) == [
        ("~", "x[0]", "2026-01-02T00:00:00Z", str(UUID(int=1)))
    ]
    assert told(kind(x=Colour.RED), kind(x=Colour.RED)) == []


def test_a_boolean_is_no_number_and_nan_is_what_it_was() -> None:
    """Python says otherwise of both."""
    truth = True
    assert told(1, truth) == [("~", "", 1, True)]
    assert told([float("nan"), 1], [float("nan"), 1.0]) == []
    assert len(told([float("nan")], [None])) == len(told([float("inf")], [float("nan")])) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.frozensets(st.integers(0, 5))
    ),
    max_leaves=12,
)


@given(values, values)
def test_paths_lead_to_what_is_told(before: object, after: object) -> None:
    """Every path can be read again, whatever the keys are; and nothing differs from itself."""
    assert diff_values(before, before) == ()
    for each in diff_values(before, after):
        steps = steps_of(each.path)
        if each.kind is not Change.ADDED and not any(step.index is not None for step in steps):
            assert value_at(before, steps) is not MISSING
        if each.kind is not Change.REMOVED:
            assert value_at(after, steps) is not MISSING


@given(values, values)
def test_what_differs_is_told(before: object, after: object) -> None:
    """Nothing is the same that JSON can tell apart."""
    assert bool(diff_values(before, after)) is (_exact(before) != _exact(after))


def _exact(value: object) -> object:
    """Return *value* so that booleans and numbers, lists and sets are not the same."""
    if isinstance(value, dict):
        return {key: _exact(kept) for key, kept in value.items()}
    if isinstance(value, list):
        return [_exact(kept) for kept in value]
    return (type(value).__name__, value)


@pytest.mark.parametrize("path", ["a[", "a[x]", "a..b", "a]", 'a["b]', "a[1]b", "{"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """It says from where on."""
    with pytest.raises(InvalidInput, match="no path from its"):
        steps_of(path)


@pytest.mark.parametrize("path", ["x", "[0]", "orderItems[7]", "orderItems.name", 'tags{"q"}'])
def test_a_path_may_lead_nowhere(path: str) -> None:
    """That is an answer."""
    assert value_at(Order((Item("a"),)), steps_of(path)) is MISSING


def test_a_path_leads_to_classes_and_members() -> None:
    """As it is told by a difference."""
    order = Order((Item("a"),), frozenset({"x{y}"}))
    assert value_at(order, steps_of("orderItems[0].__class__")) == "Item"
    assert value_at(order, steps_of('tags{"x{y}"}')) == "x{y}"
