"""Walking: a check on states is told exactly, after every event."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.application import Application, Check
from backstory.core.errors import CheckNeverFails, InvalidSetting
from backstory.core.history import History
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Decider
from backstory.stores.memory import MemoryStore
from backstory.timemachine.bisecting import Verdict
from backstory.timemachine.walking import walk


class Paid(msgspec.Struct, frozen=True):
    """Money came in, or went out."""

    amount: int


def fold(total: int, event: Paid) -> int:
    """Return the total; 666 cannot be counted."""
    if event.amount == 666:
        message = "nobody can count that far"
        raise OverflowError(message)
    return total + event.amount


def solvent(total: int) -> bool:
    """Say whether there is no debt; 7 cannot be told."""
    if total == 7:
        raise ZeroDivisionError
    return total >= 0


PURSE: Decider[object, Paid, int] = Decider(initial=0, decide=lambda _, __: (), evolve=fold)
SOLVENT = Check("solvent", solvent, "purse")
APPLICATION = Application(
    name="purses",
    schema=Schema(EventType("paid", Paid)),
    deciders={"purse": PURSE},
    checks=(SOLVENT,),
)


async def history_of(*paid: tuple[str, int]) -> History:
    """Return the history of these payments."""
    store = MemoryStore()
    for owner, amount in paid:
        await store.append(f"purse-{owner}", [APPLICATION.schema.encode(Paid(amount))])
    return History(store, len(paid))


payments = st.lists(
    st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from([-3, -1, 2, 4, 7, 666])),
    min_size=1,
    max_size=12,
)


def verdicts(paid: list[tuple[str, int]]) -> list[Verdict]:
    """Return how all purses stand before the first and after each payment, asked naively."""
    found = [Verdict.HOLDS]
    for end in range(1, len(paid) + 1):
        each = []
        for owner in ("ann", "bob"):
            try:
                total = 0
                for who, amount in paid[:end]:
                    total = fold(total, Paid(amount)) if who == owner else total
                seen = any(who == owner for who, _ in paid[:end])
                each.append(Verdict.HOLDS if not seen or solvent(total) else Verdict.FAILS)
            except ArithmeticError:
                each.append(Verdict.UNKNOWN)
        fails = Verdict.FAILS in each
        found.append(
            Verdict.FAILS if fails else max(each, key=lambda verdict: verdict is Verdict.UNKNOWN)
        )
    return found


@settings(deadline=None, max_examples=200)
@given(paid=payments, good=st.integers(0, 3))
async def test_every_change_is_seen_and_the_first_is_named(
    paid: list[tuple[str, int]], good: int
) -> None:
    """The same as asking at every position."""
    history = await history_of(*paid)
    bad = len(paid)
    good = min(good, bad - 1)
    expected = verdicts(paid)
    changes = [
        (at, expected[at - 1], expected[at])
        for at in range(good + 1, bad + 1)
        if expected[at] is not expected[at - 1]
    ]
    firsts = [at for at, _, after in changes if after is Verdict.FAILS]
    if not firsts:
        with pytest.raises(CheckNeverFails):
            await walk(SOLVENT, APPLICATION, history, stream=None, good=good, bad=bad)
        return
    found, judgement = await walk(SOLVENT, APPLICATION, history, stream=None, good=good, bad=bad)
    assert [(flip.position, flip.before, flip.after) for flip in found.flips] == changes
    assert found.first.position == firsts[0]
    assert judgement.words.startswith(f"purse-{paid[firsts[0] - 1][0]}")


async def test_one_stream_is_asked_alone() -> None:
    """What others do does not count."""
    history = await history_of(("ann", -1), ("bob", 5), ("bob", -9), ("bob", 9))
    found, judgement = await walk(SOLVENT, APPLICATION, history, stream="purse-bob", good=0, bad=4)
    assert [flip.position for flip in found.flips] == [3, 4]
    assert judgement.words == "purse-bob"
    heard: list[int] = []
    await walk(SOLVENT, APPLICATION, history, stream="purse-bob", good=0, bad=4, heard=heard.append)
    assert heard == [4]


async def test_a_stream_that_nobody_folds_is_refused() -> None:
    """There is no state to ask about."""
    history = await history_of(("ann", -1))
    with pytest.raises(InvalidSetting, match="no decider for 'user'"):
        await walk(SOLVENT, APPLICATION, history, stream="user-1", good=0, bad=1)
