from __future__ import annotations

from collections import Counter
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from backstory.projections.leases.sharing import share
from backstory.projections.partitions import Partition, partitions_of

OWNERS = [f"owner {letter}" for letter in "abcdef"]
PROJECTIONS = {"users": 4, "mail": 1, "orders": 7}
EVERY = [part for name, number in PROJECTIONS.items() for part in partitions_of(name, number)]

owners = st.sets(st.sampled_from(OWNERS), min_size=1)
held = st.fixed_dictionaries({part: st.none() | st.sampled_from(OWNERS) for part in EVERY})


@given(held, owners)
def test_each_of_those_who_follow_all_has_its_share_and_no_more(
    before: dict[Partition, str | None], alive: set[str]
) -> None:
    """Whoever held what: in the end everything is held, and evenly."""
    known = {part: owner if owner in alive else None for part, owner in before.items()}
    after = share(known, dict.fromkeys(PROJECTIONS, alive))
    loads = Counter(after.values())
    assert set(after) == set(EVERY)
    assert set(loads) <= alive
    assert max(loads.values()) <= ceil(len(EVERY) / len(alive))
    assert max(loads.values()) - min(loads[owner] for owner in alive) <= 1


@given(held, st.fixed_dictionaries(dict.fromkeys(PROJECTIONS, owners)))
def test_nobody_is_given_what_it_does_not_follow(
    before: dict[Partition, str | None], able: dict[str, set[str]]
) -> None:
    """A process started for one projection applies that alone; the rest finds somebody."""
    known = {p: owner if owner in able[p.projection] else None for p, owner in before.items()}
    after = share(known, able)
    assert set(after) == set(EVERY)
    assert all(owner in able[part.projection] for part, owner in after.items())
    loads = Counter(after.values())
    for part, owner in after.items():
        assert loads[owner] - min(loads[other] for other in able[part.projection]) <= 1


@given(held, owners)
def test_a_share_that_is_even_is_left_as_it_is(
    before: dict[Partition, str | None], alive: set[str]
) -> None:
    """Handing over costs a moment of standing still; it is not done without need."""
    able = dict.fromkeys(PROJECTIONS, alive)
    even = share(dict.fromkeys(before), able)
    assert share(even, able) == even


@given(owners, st.sampled_from(OWNERS))
def test_a_newcomer_is_given_its_share_by_those_who_have_most(
    alive: set[str], newcomer: str
) -> None:
    """Only what the newcomer gets changes hands."""
    before = share(dict.fromkeys(EVERY), dict.fromkeys(PROJECTIONS, alive - {newcomer}))
    after = share(
        {part: before.get(part) for part in EVERY}, dict.fromkeys(PROJECTIONS, alive | {newcomer})
    )
    moved = [part for part in EVERY if after[part] != before.get(part)]
    assert {after[part] for part in moved} == {newcomer}
    assert len(moved) == Counter(after.values())[newcomer]


def test_the_partitions_of_one_projection_are_spread() -> None:
    """Two processes share each projection, not each one of them."""
    able = {"a": {"x", "y"}, "b": {"x", "y"}}
    after = share(dict.fromkeys([*partitions_of("a", 4), *partitions_of("b", 4)]), able)
    of = Counter((part.projection, owner) for part, owner in after.items())
    assert of == {("a", "x"): 2, ("a", "y"): 2, ("b", "x"): 2, ("b", "y"): 2}


def test_what_nobody_alive_follows_stays_where_it_is() -> None:
    """A holder that nobody could replace is not sent away; what nobody holds is nobody's."""
    first, second = partitions_of("gone", 2)
    assert share({first: "x", second: None}, {"users": {"y"}}) == {first: "x"}
