"""Bisecting: the first failure, every change that shows, and honest words when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import CheckNeverFails
from backstory.timemachine.bisecting import Ask, Flip, Verdict, bisect

HOLDS, FAILS, UNKNOWN = Verdict


def asking(verdicts: list[Verdict]) -> Ask:
    """Return what answers with *verdicts*, one for each position."""

    async def ask(position: int) -> Verdict:
        return verdicts[position]

    return ask


@given(length=st.integers(2, 3_000), data=st.data())
async def test_the_first_bad_position_is_found_in_few_questions(
    length: int, data: st.DataObject
) -> None:
    """Once broken, broken: the usual bug."""
    broken = data.draw(st.integers(1, length - 1))
    verdicts = [HOLDS] * broken + [FAILS] * (length - broken)
    found = await bisect(asking(verdicts), 0, length - 1, samples=8)
    assert found.first == Flip(broken, broken - 1, HOLDS, FAILS)
    assert found.flips == (found.first,)
    assert len(found.asked) <= 9 + (length // 8).bit_length() + 1


@given(st.lists(st.sampled_from([HOLDS, FAILS]), min_size=2, max_size=60))
async def test_every_flip_that_is_reported_is_one(verdicts: list[Verdict]) -> None:
    """However often a check changes; with a question at each place, all of them are found."""
    end = len(verdicts) - 1
    real = [
        Flip(at, at - 1, verdicts[at - 1], verdicts[at])
        for at in range(1, end + 1)
        if verdicts[at - 1] is not verdicts[at]
    ]
    failing = [flip for flip in real if flip.after is FAILS]
    if not failing:
        with pytest.raises(CheckNeverFails):
            await bisect(asking(verdicts), 0, end, samples=end)
        return
    found = await bisect(asking(verdicts), 0, end, samples=end)
    assert list(found.flips) == real
    assert found.first == failing[0]


@given(st.lists(st.sampled_from(list(Verdict)), min_size=2, max_size=80), st.integers(1, 10))
async def test_what_it_says_is_never_wrong(verdicts: list[Verdict], samples: int) -> None:
    """With places where the check cannot tell, and few samples, it says less but nothing false."""
    end = len(verdicts) - 1
    try:
        found = await bisect(asking(verdicts), 0, end, samples=samples)
    except CheckNeverFails:
        return
    for flip in found.flips:
        assert (verdicts[flip.since], verdicts[flip.position]) == (flip.before, flip.after)
        assert flip.since < flip.position
        between = set(verdicts[flip.since + 1 : flip.position])
        assert between <= {UNKNOWN}
    assert all(verdicts[place] is verdict for place, verdict in found.asked)


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([HOLDS] * 5, "holds everywhere"),
        ([FAILS] * 5, "fails already"),
        ([FAILS] * 3 + [HOLDS] * 2, "fails already"),
        ([UNKNOWN] * 5, "holds everywhere"),
    ],
)
async def test_a_check_that_never_begins_to_fail_is_said_to(
    verdicts: list[Verdict], words: str
) -> None:
    """Nobody is guilty; to name somebody would cost a night."""
    with pytest.raises(CheckNeverFails, match=words):
        await bisect(asking(verdicts), 0, 4)


async def test_a_long_stretch_without_an_answer_is_reported_as_it_is() -> None:
    """The guilty event is one of many then; asking each of them would take for ever."""
    verdicts = [HOLDS] * 10 + [UNKNOWN] * 500 + [FAILS] * 10
    heard: list[int] = []
    found = await bisect(
        asking(verdicts), 0, 519, samples=4, heard=lambda position, _: heard.append(position)
    )
    assert found.first.since < 10
    assert found.first.position >= 510
    assert len(heard) == len(found.asked) < 80
