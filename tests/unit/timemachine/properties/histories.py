"""Random histories of the shop, with events of every age and some that nobody can read."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from backstory.core.events import NewEvent
from tests.unit.timemachine.properties.reference import Happened
from tests.unit.timemachine.properties.rich import (
    Cancelled,
    Listed,
    Noted,
    Placed,
    Priced,
    Withdrawn,
    schema,
)

_skus = st.sampled_from(["tea", "Brød"])
_names = st.sampled_from(["1", "2", "3", "4"])
_cents = st.sampled_from([1, 250, 99_999])


def _new(stream: str, value: object) -> Happened:
    return Happened(stream, schema.encode(value), value, type(value))


def _listed(sku: str, cents: int, *, active: bool) -> Happened:
    return _new(f"item-{sku}", Listed(sku, cents, active))


def _listed_long_ago(sku: str, euros: int) -> Happened:
    stored = NewEvent.of("item-listed", {"sku": sku, "euros": euros})
    return Happened(f"item-{sku}", stored, Listed(sku, euros * 100, active=True), Listed)


def _priced(sku: str, cents: int, name: str) -> Happened:
    stored = NewEvent.of(name, {"sku": sku, "cents": cents})
    return Happened(f"item-{sku}", stored, Priced(sku, cents), Priced)


def _unreadable(sku: str) -> Happened:
    stored = NewEvent.of("price-set", {"sku": sku, "cents": "much"})
    return Happened(f"item-{sku}", stored, None, Priced)


def _placed(order: str, lines: Sequence[tuple[str, int]]) -> Happened:
    return _new(f"order-{order}", Placed(order, tuple(lines)))


def _placed_long_ago(order: str, sku: str, count: int | None) -> Happened:
    data: dict[str, object] = {"order": order, "sku": sku}
    metadata = None
    if count is not None:
        data["count"] = count
        metadata = {"$schemaVersion": 2}
    value = Placed(order, ((sku, 1 if count is None else count),))
    stored = NewEvent.of("order-placed", data, metadata=metadata)
    return Happened(f"order-{order}", stored, value, Placed)


_lines = st.lists(st.tuples(_skus, st.integers(1, 3)), max_size=3)
_usual = st.one_of(
    st.builds(_listed, _skus, _cents, active=st.booleans()),
    st.builds(_listed_long_ago, _skus, st.integers(1, 9)),
    st.builds(_priced, _skus, _cents, st.sampled_from(["item-priced", "price-set"])),
    st.builds(lambda sku: _new(f"item-{sku}", Withdrawn(sku)), _skus),
    st.builds(_placed, _names, _lines),
    st.builds(_placed_long_ago, _names, _skus, st.none() | st.integers(1, 3)),
    st.builds(lambda order: _new(f"order-{order}", Cancelled(order)), _names),
    st.builds(lambda text: _new("note-1", Noted(text)), st.sampled_from(["double", "rain"])),
)
_failing = st.one_of(
    st.builds(_unreadable, _skus),
    st.builds(_priced, _skus, st.just(-1), st.just("item-priced")),
    st.builds(lambda order: _placed(order, [("tea", 1), ("ghost", 1)]), _names),
)
# Failures are rare, or else everything stood still after the first few events.
_happenings = st.integers(0, 11).flatmap(lambda die: _usual if die else _failing)


def histories(longest: int) -> st.SearchStrategy[list[Happened]]:
    """Return histories of 1 to *longest* events."""
    return st.lists(_happenings, min_size=1, max_size=longest)


def eventful() -> list[Happened]:
    """Return a history in which all that can go well or wrong does, one after the other."""
    return [
        _listed_long_ago("tea", 3),
        _placed_long_ago("1", "tea", None),
        _listed("Brød", 250, active=False),
        _placed_long_ago("2", "Brød", 2),
        _new("item-Brød", Withdrawn("Brød")),  # its rows had the highest numbers
        _new("order-2", Cancelled("2")),
        _listed("Brød", 1, active=True),
        _priced("tea", -1, "price-set"),  # parked
        _priced("tea", 5, "item-priced"),  # waits behind it
        _new("note-1", Noted("double")),
        _placed("3", [("tea", 1), ("Brød", 1), ("tea", 2)]),  # parked by activity
        _unreadable("Brød"),
        _placed("4", [("tea", 1), ("ghost", 1)]),  # orders stop here
        _new("order-1", Cancelled("1")),
        _placed("5", [("Brød", 2)]),
        _new("order-3", Cancelled("3")),  # waits behind what was too much at once
    ]


def stopping_early() -> list[Happened]:
    """Return a history in which one partition stops at the second event, and others go on."""
    return [_placed(name, [("tea", 1)]) for name in "1123456789"]
