"""Once: a lost answer is asked for again, and a command sent twice is carried out once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from backstory.core.errors import OutcomeUnknown, StoreBusy
from backstory.core.read import Read
from backstory.domain import once
from backstory.domain.repository import Repository
from backstory.domain.snapshots import MemorySnapshots, SnapshotPolicy
from backstory.stores.memory import MemoryStore
from tests.unit.domain.accounts import (
    ACCOUNT,
    SCHEMA,
    Account,
    Command,
    Deposit,
    Deposited,
    Event,
    Open,
)
from tests.unit.domain.unreliable import UnreliableStore

COMMAND = UUID("5f0c8a2e-0b52-4c0b-8f52-0d1f3a9f0c11")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "PAUSES", (0.0, 0.001, 0.002))


def accounts(
    store: MemoryStore, policy: SnapshotPolicy | None = None
) -> Repository[Command, Event, Account]:
    """Return a repository of accounts in *store*."""
    return Repository(store, SCHEMA, ACCOUNT, category="account", snapshots=policy)


async def test_a_lost_answer_is_asked_for_again_with_the_same_ids() -> None:
    """The events were stored; the repetition finds them and writes nothing."""
    store = UnreliableStore()
    store.after = [OutcomeUnknown(), OutcomeUnknown()]
    decision = await accounts(store).execute("a", Deposit(5, parts=2))
    assert len(store.tries) == 3
    assert store.tries[0] == store.tries[1] == store.tries[2]
    assert await store.head() == decision.position == 2


async def test_an_append_lost_on_its_way_is_sent_again() -> None:
    """The events were not stored; the repetition stores them."""
    store = UnreliableStore()
    store.before = [OutcomeUnknown(), StoreBusy()]
    assert (await accounts(store).execute("a", Deposit(5))).state.balance == 5
    assert await store.head() == 1


async def test_a_lost_append_overtaken_by_another_is_decided_anew() -> None:
    """The repetition meets a conflict, which proves that the first try was not stored."""
    store = UnreliableStore()

    async def another_writes() -> None:
        await MemoryStore.append(store, "account-a", [SCHEMA.encode(Deposited(10))])
        raise OutcomeUnknown

    store.before = [another_writes]
    assert (await accounts(store).execute("a", Deposit(5))).state.balance == 15
    assert await store.head() == 2


@pytest.mark.parametrize("last", [OutcomeUnknown, StoreBusy])
async def test_an_outcome_that_stays_unknown_is_told_as_such(last: type[Exception]) -> None:
    """A store that is busy now says nothing about the first try."""
    store = UnreliableStore()
    store.after = [OutcomeUnknown()]
    store.before = [None, last(), last(), last()]
    with pytest.raises(OutcomeUnknown):
        await accounts(store).execute("a", Deposit(5))
    assert len(store.tries) == 1 + len(once.PAUSES)
    assert await store.head() == 1


async def test_a_command_sent_twice_is_carried_out_once() -> None:
    """The second answer is the first one, even when the decider would refuse by now."""
    store = MemoryStore()
    repository = accounts(store)
    await repository.execute("a", Deposit(1))
    first = await repository.execute("a", Open("Ann"), command_id=COMMAND)
    await repository.execute("a", Deposit(7))
    again = await repository.execute("a", Open("Ann"), command_id=COMMAND)
    assert again == first
    assert again.state == Account("Ann", 1, (1,))
    assert await store.head() == 3


async def test_a_command_sent_twice_answers_before_the_expected_revision_is_checked() -> None:
    """The first time it was met; the stream has grown by the command itself."""
    repository = accounts(MemoryStore())
    await repository.execute("a", Open("a"))
    first = await repository.execute("a", Deposit(5, parts=3), expected=0, command_id=COMMAND)
    again = await repository.execute("a", Deposit(5, parts=3), expected=0, command_id=COMMAND)
    assert again == first
    assert (again.revision, len(again.events)) == (3, 3)


async def test_a_command_sent_twice_at_once_is_carried_out_once() -> None:
    """Whichever comes first; the other finds its own ids."""
    store = MemoryStore()
    repository = accounts(store)
    answers = await asyncio.gather(
        *(repository.execute("a", Deposit(5, parts=2), command_id=COMMAND) for _ in range(8))
    )
    assert await store.head() == 2
    assert {answer.position for answer in answers} == {2}


async def test_a_command_sent_again_after_a_lost_answer_is_carried_out_once() -> None:
    """The caller of an unknown outcome may send the command again."""
    store = UnreliableStore()
    store.after = [OutcomeUnknown()]
    store.before = [None, OutcomeUnknown(), OutcomeUnknown(), OutcomeUnknown()]
    repository = accounts(store)
    with pytest.raises(OutcomeUnknown):
        await repository.execute("a", Deposit(5), command_id=COMMAND)
    assert (await repository.execute("a", Deposit(5), command_id=COMMAND)).state.balance == 5
    assert await store.head() == 1


async def test_a_command_is_known_again_behind_a_snapshot() -> None:
    """A snapshot holds the command's effect, not its ids."""
    store = MemoryStore()
    repository = accounts(store, SnapshotPolicy(MemorySnapshots(), Account, every=1))
    first = await repository.execute("a", Deposit(5), command_id=COMMAND)
    for _ in range(3):
        await repository.execute("a", Deposit(1))
    assert await repository.execute("a", Deposit(5), command_id=COMMAND) == first
    assert await store.head() == 4


async def test_one_command_id_stands_for_one_command_in_each_stream() -> None:
    """The ids of its events differ from stream to stream and from event to event."""
    store = MemoryStore()
    repository = accounts(store)
    for key in ("a", "b"):
        await repository.execute(key, Deposit(5, parts=2), command_id=COMMAND)
    assert len({event.id for event in await store.read(Read())}) == 4


async def test_a_command_that_led_to_nothing_is_decided_again() -> None:
    """There is no event to know it by."""
    store = MemoryStore()
    repository = accounts(store)
    assert (await repository.execute("a", Deposit(0), command_id=COMMAND)).events == ()
    assert (await repository.execute("a", Deposit(3), command_id=COMMAND)).state.balance == 3
