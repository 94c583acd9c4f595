from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstory.explore.counting import NameCount, NameCounter


def test_names_come_most_frequent_first_and_then_by_alphabet() -> None:
    """The same log always gives the same answer."""
    counter = NameCounter(9)
    counter.add(["b", "a", "c", "b"])
    assert counter.counts().named == (NameCount("b", 2), NameCount("a", 1), NameCount("c", 1))


def test_names_beyond_the_bound_are_counted_together() -> None:
    """A log with a million types must not fill the memory, nor be miscounted."""
    counter = NameCounter(2)
    counter.add(["a", "b"])
    counter.add(["c", "a", "d", "c"])
    counts = counter.counts()
    assert counts.named == (NameCount("a", 2), NameCount("b", 1))
    assert counts.others == 3


@given(st.lists(st.lists(st.sampled_from("abcdefgh"))), st.integers(0, 9))
def test_no_event_is_lost_or_counted_twice(pages: list[list[str]], most: int) -> None:
    """What is named and what is not add up to all there was."""
    counter = NameCounter(most)
    for page in pages:
        counter.add(page)
    counts = counter.counts()
    assert len(counts.named) <= most
    assert sum(count.events for count in counts.named) + counts.others == sum(map(len, pages))
