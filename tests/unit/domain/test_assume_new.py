"""Assuming that a thing is new: an append without a load, and the same outcome."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import CommandRejected, OutcomeUnknown, TooManyConflicts
from backstory.core.events import RecordedEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.domain import once
from backstory.domain.decider import Decider
from backstory.domain.repository import Repository
from backstory.domain.snapshots import MemorySnapshots, SnapshotPolicy
from backstory.stores.memory import MemoryStore
from tests.unit.domain.accounts import (
    ACCOUNT,
    SCHEMA,
    Account,
    AlreadyOpen,
    Command,
    Deposit,
    Deposited,
    Event,
    Open,
    Opened,
    evolve,
)
from tests.unit.domain.unreliable import UnreliableStore

COMMAND = UUID("5f0c8a2e-0b52-4c0b-8f52-0d1f3a9f0c12")

Accounts = Repository[Command, Event, Account]


class CountingStore(UnreliableStore):
    """A store that counts how often it is read."""

    reads = 0

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read, and count."""
        self.reads += 1
        return await super().read(query)


def accounts(store: MemoryStore, *, attempts: int = 5) -> Accounts:
    """Return a repository of accounts in *store*."""
    return Repository(store, SCHEMA, ACCOUNT, category="account", attempts=attempts)


@pytest.mark.parametrize(
    ("expected", "assume_new"), [(None, True), (ANY, True), (NO_STREAM, False)]
)
async def test_a_new_thing_is_written_without_a_read(
    expected: Expected | None, *, assume_new: bool
) -> None:
    """The decision is the one a load would have led to, metadata included."""
    store = CountingStore()
    decision = await accounts(store).execute(
        "a", Open("Ann"), expected=expected, assume_new=assume_new
    )
    assert store.reads == 0
    assert decision == await accounts(MemoryStore()).execute("a", Open("Ann"))
    [event] = await store.read(Read())
    assert event.meta()["command"] == "Open"
    assert (await accounts(store).load("a")).state == decision.state == Account("Ann")


async def test_a_thing_that_exists_is_loaded_and_decided_for_real() -> None:
    """What was decided on the initial state is forgotten."""
    store = CountingStore()
    repository = accounts(store)
    await repository.execute("a", Deposit(1))
    decision = await repository.execute("a", Deposit(10), assume_new=True)
    assert (decision.state.balance, decision.revision) == (11, 1)
    await repository.execute("a", Open("Ann"), assume_new=True)
    with pytest.raises(AlreadyOpen):
        await repository.execute("a", Open("Bob"), assume_new=True)
    assert await store.head() == 3


async def test_a_refusal_of_something_new_is_asked_again_of_what_there_is() -> None:
    """A command that only makes sense later is no less right for the hint."""

    def decide(command: int, state: int) -> list[Deposited]:
        if command > state:
            raise CommandRejected
        return [Deposited(-command)] if command else []

    store = CountingStore()
    decider = Decider(initial=0, decide=decide, evolve=lambda n, event: n + event.amount)
    repository: Repository[int, Deposited, int] = Repository(
        store, SCHEMA, decider, category="account"
    )
    await store.append("account-a", [SCHEMA.encode(Deposited(10))])
    assert (await repository.execute("a", 4, assume_new=True)).state == 6
    nothing = await repository.execute("a", 0, assume_new=True)
    assert (nothing.events, nothing.state, nothing.revision) == ((), 6, 1)
    with pytest.raises(CommandRejected):
        await repository.execute("b", 4, assume_new=True)
    assert await store.head() == 2


async def test_what_fails_on_the_initial_state_is_told_of_what_there_is() -> None:
    """An event that cannot be read back is refused all the same."""
    repository: Repository[Command, Event, Account] = Repository(
        MemoryStore(),
        Schema(EventType("account-opened", Opened)),
        ACCOUNT,
        category="account",
    )
    with pytest.raises(Exception, match="Deposited is not in the schema"):
        await repository.execute("a", Deposit(1), assume_new=True)

    def fragile(state: Account, event: Event) -> Account:
        if isinstance(event, Deposited) and state.owner is None:
            raise ZeroDivisionError
        return evolve(state, event)

    store = MemoryStore()
    decider = Decider(initial=Account(), decide=ACCOUNT.decide, evolve=fragile)
    opened: Accounts = Repository(store, SCHEMA, decider, category="account")
    await opened.execute("a", Open("Ann"))
    assert (await opened.execute("a", Deposit(1), assume_new=True)).state.balance == 1
    with pytest.raises(ZeroDivisionError):
        await opened.execute("b", Deposit(1), assume_new=True)


@pytest.mark.parametrize("expected", [STREAM_EXISTS, 0])
async def test_what_the_caller_expects_weighs_more_than_the_hint(expected: Expected) -> None:
    """A stream that has to exist is never assumed to be new."""
    store = CountingStore()
    repository = accounts(store)
    with pytest.raises(WrongExpectedRevision):
        await repository.execute("a", Deposit(1), expected=expected, assume_new=True)
    assert store.tries == []
    await repository.execute("a", Deposit(1))
    decision = await repository.execute("a", Deposit(1), expected=expected, assume_new=True)
    assert decision.revision == 1


async def test_expecting_no_stream_is_enforced_before_a_refusal_is_told() -> None:
    """The caller learns that it saw something old, not what the decider says to that."""
    repository = accounts(MemoryStore())
    await repository.execute("a", Open("Ann"))
    for command in (Open("Bob"), Deposit(0), Deposit(1)):
        with pytest.raises(WrongExpectedRevision) as caught:
            await repository.execute("a", command, expected=NO_STREAM)
        assert (caught.value.expected, caught.value.actual) == (NO_STREAM, 0)


async def test_the_assumption_is_no_attempt() -> None:
    """A command with a single attempt still has it when the thing turns out to exist."""
    repository = accounts(MemoryStore(), attempts=1)
    await repository.execute("a", Deposit(1))
    assert (await repository.execute("a", Deposit(2), assume_new=True)).state.balance == 3


async def test_a_conflict_after_the_assumption_is_bounded_as_ever() -> None:
    """Others may keep coming in between."""
    store = UnreliableStore()

    async def another_writes() -> None:
        await MemoryStore.append(store, "account-a", [SCHEMA.encode(Deposited(1))])

    store.before = [another_writes] * 3
    with pytest.raises(TooManyConflicts) as caught:
        await accounts(store, attempts=2).execute("a", Deposit(100), assume_new=True)
    assert caught.value.attempts == 2
    assert len(store.tries) == 3


async def test_a_lost_answer_to_the_first_append_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the same ids, so that the thing is created once."""
    monkeypatch.setattr(once, "PAUSES", (0.0, 0.0))
    store = CountingStore()
    store.after = [OutcomeUnknown()]
    decision = await accounts(store).execute("a", Open("Ann"), assume_new=True)
    assert store.tries[0] == store.tries[1]
    assert (decision.revision, await store.head(), store.reads) == (0, 1, 0)
    store.after = [OutcomeUnknown()] * 3
    with pytest.raises(OutcomeUnknown):
        await accounts(store).execute("b", Open("Bob"), assume_new=True)


async def test_a_command_sent_again_answers_what_it_came_to_the_first_time() -> None:
    """Only a load can tell, so the hint is left aside; the answer holds what is stored."""
    store = CountingStore()
    repository = accounts(store)
    first = await repository.execute("a", Open("Ann"), assume_new=True, command_id=COMMAND)
    other = await repository.execute("a", Open("Bob"), assume_new=True, command_id=COMMAND)
    assert other == first
    assert (first.events, store.reads > 0, await store.head()) == ((Opened("Ann"),), True, 1)


async def test_a_snapshot_of_something_new_is_taken_when_one_is_due() -> None:
    """As behind a load."""
    policy = SnapshotPolicy(MemorySnapshots(), Account, every=2)
    repository: Accounts = Repository(
        MemoryStore(), SCHEMA, ACCOUNT, category="account", snapshots=policy
    )
    await repository.execute("a", Deposit(1, parts=2), assume_new=True)
    await repository.execute("b", Deposit(1), assume_new=True)
    snapshot = await policy.store.load("account-a")
    assert snapshot is not None
    assert (snapshot.revision, snapshot.position) == (1, 2)
    assert await policy.store.load("account-b") is None


commands = st.lists(
    st.one_of(
        st.builds(Open, st.sampled_from("xy")),
        st.builds(Deposit, st.integers(0, 3), st.integers(0, 2)),
    ),
    max_size=6,
)


async def outcomes(given: Sequence[Command], *, assume_new: bool) -> list[object]:
    """Return what comes of the commands, one after the other."""
    repository = accounts(MemoryStore())
    found: list[object] = []
    for command in given:
        try:
            found.append(await repository.execute("a", command, assume_new=assume_new))
        except CommandRejected as refusal:
            found.append(type(refusal))
    return found


@given(commands)
async def test_the_hint_changes_no_outcome(given: list[Command]) -> None:
    """Whatever commands are sent, refusals included."""
    assert await outcomes(given, assume_new=True) == await outcomes(given, assume_new=False)
