from __future__ import annotations

import msgspec
import pytest

from backstory.core.errors import CommandRejected
from backstory.domain.decider import Decider
from backstory.testing import Specification


class Opened(msgspec.Struct, frozen=True):
    """The account exists."""

    owner: str


class Paid(msgspec.Struct, frozen=True):
    """Money came in."""

    amount: int


class Pay(msgspec.Struct, frozen=True):
    """Pay in."""

    amount: int


class NotOpen(CommandRejected):
    """There is no account yet."""


def decide(command: Pay, state: int | None) -> list[Opened | Paid]:
    """Take any payment but nothing."""
    if state is None:
        raise NotOpen
    return [Paid(command.amount)] if command.amount else []


def evolve(state: int | None, event: Opened | Paid) -> int | None:
    """Add up."""
    return 0 if isinstance(event, Opened) else (state or 0) + event.amount


NOBODY: int | None = None
account = Specification(Decider(initial=NOBODY, decide=decide, evolve=evolve))
JO = Opened("Jo")


def test_a_specification_that_holds_passes() -> None:
    """Events, nothing, a rejection and a state can all be said."""
    account.given(JO).when(Pay(10)).then(Paid(10))
    account.given(JO).when(Pay(0)).then()
    account.given(JO, Paid(3)).when(Pay(10)).then_state(13)
    account.given(JO, Paid(3), Paid(4)).is_state(7)
    assert isinstance(account.when(Pay(10)).rejected(CommandRejected), NotOpen)


def test_a_story_can_go_on() -> None:
    """What `then` returns is the next situation."""
    account.given(JO).when(Pay(1)).then(Paid(1)).when(Pay(2)).then(Paid(2)).is_state(3)


def test_other_events_fail_with_a_difference() -> None:
    """The failure shows expected and found, line by line."""
    with pytest.raises(AssertionError) as caught:
        account.given(JO).when(Pay(10)).then(Paid(11))
    said = str(caught.value)
    assert "given Opened(owner='Jo'), when Pay(amount=10)" in said
    assert "- Paid(amount=11)" in said
    assert "+ Paid(amount=10)" in said


def test_events_where_none_were_expected_fail() -> None:
    """`then()` means that nothing happens."""
    with pytest.raises(AssertionError, match="nothing"):
        account.given(JO).when(Pay(10)).then()


def test_nothing_where_events_were_expected_fails() -> None:
    """And the other way round."""
    with pytest.raises(AssertionError, match="nothing"):
        account.given(JO).when(Pay(0)).then(Paid(0))


def test_a_missing_rejection_fails_and_says_what_happened() -> None:
    """Events where a refusal was expected are shown."""
    with pytest.raises(AssertionError, match=r"NotOpen was expected.*Paid\(amount=10\)"):
        account.given(JO).when(Pay(10)).rejected(NotOpen)


def test_another_error_is_not_taken_for_the_rejection() -> None:
    """Only the error named counts; any other passes through."""
    with pytest.raises(NotOpen):
        account.when(Pay(10)).rejected(KeyError)


def test_a_wrong_state_fails_with_a_difference() -> None:
    """Both states are shown."""
    with pytest.raises(AssertionError, match=r"- 4\n"):
        account.given(JO, Paid(3)).is_state(4)
    with pytest.raises(AssertionError, match=r"- 4\n"):
        account.given(JO).when(Pay(3)).then_state(4)
