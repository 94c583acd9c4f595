"""What an append requires: every combination of requirement and stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidInput
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    Verdict,
    check_expected,
    first_revision,
    judge,
)

WRITE, CONFLICT = Verdict.WRITE, Verdict.CONFLICT
ELSEWHERE, IN_PLACE = Verdict.RETRY_ELSEWHERE, Verdict.RETRY_IN_PLACE

TABLE: list[tuple[Expected, dict[int | None, Verdict]]] = [
    (ANY, {None: WRITE, 0: ELSEWHERE, 1: ELSEWHERE, 5: ELSEWHERE}),
    (STREAM_EXISTS, {None: CONFLICT, 0: ELSEWHERE, 1: ELSEWHERE, 5: ELSEWHERE}),
    (NO_STREAM, {None: WRITE, 0: IN_PLACE, 1: IN_PLACE, 5: IN_PLACE}),
    (0, {None: CONFLICT, 0: WRITE, 1: IN_PLACE, 5: IN_PLACE}),
    (1, {None: CONFLICT, 0: CONFLICT, 1: WRITE, 5: IN_PLACE}),
    (5, {None: CONFLICT, 0: CONFLICT, 1: CONFLICT, 5: WRITE}),
]


@pytest.mark.parametrize(
    ("expected", "actual", "verdict"),
    [(expected, actual, v) for expected, row in TABLE for actual, v in row.items()],
)
def test_every_pair_of_expected_and_actual_has_its_verdict(
    expected: Expected, actual: int | None, verdict: Verdict
) -> None:
    """The table is the rule."""
    assert judge(expected, actual) is verdict


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_an_exact_revision_writes_at_its_place_alone(expected: int, actual: int) -> None:
    """Equal: write. Behind: perhaps a repetition. Ahead: never."""
    relation = (actual > expected) - (actual < expected)
    assert judge(expected, actual) is {0: WRITE, 1: IN_PLACE, -1: CONFLICT}[relation]


@pytest.mark.parametrize("expected", [ANY, NO_STREAM, STREAM_EXISTS, 0, 7])
def test_a_requirement_is_taken_as_it_is(expected: Expected) -> None:
    """The three words and every revision."""
    assert check_expected(expected) is expected


@pytest.mark.parametrize("expected", [-1, -2, True, False, None, "any", 1.0, "3"])
def test_anything_else_is_no_requirement(expected: object) -> None:
    """Magic numbers of other systems are refused, not guessed at."""
    with pytest.raises(InvalidInput, match="expected is ANY, NO_STREAM, STREAM_EXISTS"):
        check_expected(expected)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(("expected", "first"), [(NO_STREAM, 0), (0, 1), (41, 42)])
def test_the_first_event_stands_behind_the_expected_one(expected: Expected, first: int) -> None:
    """Revisions count from zero."""
    assert first_revision(expected) == first


def test_a_requirement_is_shown_as_users_write_it() -> None:
    """Messages and logs use the words of the API."""
    assert [repr(ANY), repr(NO_STREAM), repr(STREAM_EXISTS)] == [
        *("ANY", "NO_STREAM", "STREAM_EXISTS")
    ]
