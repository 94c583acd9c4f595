"""Together: a command on several things happens in all of them, or in none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.appending import StreamAppend
from backstory.core.errors import (
    CommandRejected,
    InvalidInput,
    InvalidName,
    OutcomeUnknown,
    PowerMissing,
    TooManyConflicts,
)
from backstory.core.events import Appended
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.domain import once, together
from backstory.domain.context import Context
from backstory.domain.decider import Decider
from backstory.domain.repository import Repository
from backstory.domain.snapshots import MemorySnapshots, SnapshotPolicy
from backstory.domain.together import execute_together
from backstory.stores.memory import MemoryStore
from tests.unit.core.test_store import FiveMethods
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

COMMAND = UUID("5f0c8a2e-0b52-4c0b-8f52-0d1f3a9f0c13")


class Transfer(msgspec.Struct, frozen=True):
    """Move money; what leaves and what arrives may come in parts."""

    amount: int
    parts: int = 1


class NotCovered(CommandRejected):
    """There is not enough money."""


def transfer(
    command: Transfer, source: Account, target: Account
) -> tuple[list[Deposited], list[Deposited]]:
    """Take from one account and give to the other; an account without an owner gets nothing."""
    if source.balance < command.amount:
        raise NotCovered
    if target.owner is None:
        return [], []
    taken = [Deposited(-command.amount)]
    return taken, [Deposited(command.amount // command.parts)] * command.parts


Accounts = Repository[Command, Event, Account]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "PAUSES", (0.0, 0.001))


def accounts(store: MemoryStore, policy: SnapshotPolicy | None = None) -> Accounts:
    """Return a repository of accounts in *store*."""
    return Repository(store, SCHEMA, ACCOUNT, category="account", snapshots=policy)


async def funded(store: MemoryStore, **balances: int) -> Accounts:
    """Return a repository with an open account for each of *balances*."""
    repository = accounts(store)
    for key, balance in balances.items():
        await repository.execute(key, Open(key))
        await repository.execute(key, Deposit(balance))
    return repository


async def balance(repository: Accounts, key: str) -> int:
    """Return the balance of an account."""
    return (await repository.load(key)).state.balance


async def test_a_command_on_two_things_is_stored_in_both_at_once() -> None:
    """Each is answered as `Repository.execute` would answer it."""
    store = MemoryStore()
    repository = await funded(store, ann=100, bob=1)
    ann, bob = await execute_together(
        transfer, Transfer(30, parts=3), repository.thing("ann"), repository.thing("bob")
    )
    assert ann.events == (Deposited(-30),)
    assert bob.events == (Deposited(10),) * 3
    for key, decision in (("ann", ann), ("bob", bob)):
        loaded = await repository.load(key)
        assert decision.state == loaded.state
        assert (decision.revision, decision.position) == (loaded.revision, loaded.position)
        assert decision.appended is not None
        assert decision.appended.stream == f"account-{key}"
    assert (ann.state.balance, bob.state.balance) == (70, 31)
    written = await store.read(Read(after=4))
    assert [event.stream for event in written] == ["account-ann", *["account-bob"] * 3]


async def test_the_events_of_both_carry_one_context_and_the_name_of_the_command() -> None:
    """They are one story, whichever stream one reads it from."""
    store = MemoryStore()
    repository = await funded(store, ann=9, bob=0)
    things = repository.thing("ann"), repository.thing("bob")
    context = Context(correlation_id="c", actor="ann")
    await execute_together(transfer, Transfer(1), *things, context=context)
    await execute_together(transfer, Transfer(1), *things)
    metas = [event.meta() for event in await store.read(Read(after=3))]
    assert metas[:2] == [{**context.metadata(), "command": "Transfer"}] * 2
    assert metas[2] == metas[3]
    assert metas[2].keys() == {"$correlationId", "command"}


async def test_a_refused_command_on_several_writes_nothing() -> None:
    """The reason reaches the caller."""
    store = MemoryStore()
    repository = await funded(store, ann=10, bob=0)
    with pytest.raises(NotCovered):
        await execute_together(
            transfer, Transfer(11), repository.thing("ann"), repository.thing("bob")
        )
    assert await store.head() == 3


async def test_a_decision_of_nothing_on_several_writes_nothing() -> None:
    """It answers what was loaded, on stores without the power too."""
    store = MemoryStore()
    await funded(store, ann=10)
    repository: Accounts = Repository(FiveMethods(store), SCHEMA, ACCOUNT, category="account")
    ann, nobody = await execute_together(
        transfer, Transfer(1), repository.thing("ann"), repository.thing("nobody")
    )
    assert (ann.events, ann.appended, ann.state.balance, ann.revision) == ((), None, 10, 1)
    assert (nobody.events, nobody.state, nobody.revision) == ((), Account(), None)
    assert await store.head() == 2


async def test_one_of_the_things_may_get_no_event() -> None:
    """It is only read, and answered as it was loaded."""
    store = MemoryStore()
    repository = await funded(store, ann=10, bob=5)

    def close(_: str, source: Account, target: Account) -> tuple[list[Deposited], list[Event]]:
        return [Deposited(target.balance - source.balance)], []

    ann, bob = await execute_together(
        close, "level", repository.thing("ann"), repository.thing("bob")
    )
    assert (ann.state.balance, ann.revision) == (5, 2)
    assert (bob.events, bob.appended, bob.revision, bob.position) == ((), None, 1, 4)


async def test_things_of_several_repositories_are_decided_together() -> None:
    """Three of them, each with its own events and states."""
    schema = Schema(*SCHEMA.types, EventType("counted", Counted))
    store = MemoryStore()
    ledger: Repository[int, Counted, int] = Repository(
        store,
        schema,
        Decider(initial=0, decide=lambda n, _: [Counted(n)], evolve=lambda n, event: n + event.by),
        category="ledger",
    )
    repository: Accounts = Repository(store, schema, ACCOUNT, category="account")
    await repository.execute("ann", Deposit(10))
    await repository.execute("bob", Open("bob"))

    def booked(
        command: Transfer, source: Account, target: Account, count: int
    ) -> tuple[list[Deposited], list[Deposited], list[Counted]]:
        return *transfer(command, source, target), [Counted(count + 1)]

    things = repository.thing("ann"), repository.thing("bob"), ledger.thing("all")
    await execute_together(booked, Transfer(2), *things)
    ann, bob, counted = await execute_together(booked, Transfer(2), *things)
    assert (ann.state.balance, bob.state.balance, counted.state) == (6, 4, 3)


class Counted(msgspec.Struct, frozen=True):
    """Something was counted."""

    by: int


async def test_transfers_that_meet_are_all_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """To and fro at once, each conflict is decided anew and no money is lost."""
    monkeypatch.setattr(together, "ATTEMPTS", 40)
    repository = await funded(YieldingStore(), ann=100, bob=100)
    there = repository.thing("ann"), repository.thing("bob")
    await asyncio.gather(
        *(execute_together(transfer, Transfer(n), *there[:: -1 if n % 2 else 1]) for n in range(12))
    )
    # 0, 2, … 10 went there, 1, 3, … 11 came back.
    assert (await balance(repository, "ann"), await balance(repository, "bob")) == (106, 94)


class YieldingStore(MemoryStore):
    """A memory store that lets others go first, as a store with a disk does."""

    async def head(self) -> int:
        """Answer the head."""
        await asyncio.sleep(0)
        return await super().head()

    async def append_several(self, appends: Sequence[StreamAppend]) -> Sequence[Appended]:
        """Append, after the others."""
        await asyncio.sleep(0)
        return await super().append_several(appends)


@pytest.mark.parametrize("key", ["ann", "bob"])
async def test_a_conflict_in_any_of_the_things_is_decided_anew(key: str) -> None:
    """On what the other writer left."""
    store = UnreliableStore()
    repository = await funded(store, ann=10, bob=0)

    async def another_writes() -> None:
        event = SCHEMA.encode(Deposited(1_000))
        await MemoryStore.append(store, f"account-{key}", [event])

    store.before = [another_writes]
    ann, bob = await execute_together(
        transfer, Transfer(4), repository.thing("ann"), repository.thing("bob")
    )
    assert ann.state.balance + bob.state.balance == 1_010
    assert len(store.tries) == 3 + 2


async def test_endless_conflicts_of_several_end_with_an_error() -> None:
    """It names the stream that kept changing; nothing of the command is written."""
    store = UnreliableStore()
    repository = await funded(store, ann=10, bob=0)

    async def another_writes() -> None:
        await MemoryStore.append(store, "account-bob", [SCHEMA.encode(Deposited(1))])

    store.before = [another_writes] * together.ATTEMPTS
    with pytest.raises(TooManyConflicts) as caught:
        await execute_together(
            transfer, Transfer(4), repository.thing("ann"), repository.thing("bob")
        )
    assert (caught.value.stream, caught.value.attempts) == ("account-bob", together.ATTEMPTS)
    assert await balance(repository, "ann") == 10


async def test_a_lost_answer_of_several_is_asked_for_again() -> None:
    """With the same ids, so that the command is carried out once."""
    store = UnreliableStore()
    repository = await funded(store, ann=10, bob=0)
    store.after = [OutcomeUnknown()]
    things = repository.thing("ann"), repository.thing("bob")
    ann, bob = await execute_together(transfer, Transfer(4), *things)
    assert store.tries[-1] == store.tries[-2]
    assert (ann.state.balance, bob.state.balance, await store.head()) == (6, 4, 5)


async def test_a_command_on_several_sent_twice_is_carried_out_once() -> None:
    """The second answer is the first one, though both things have gone on and more money left."""
    store = MemoryStore()
    repository = await funded(store, ann=10, bob=0)
    things = repository.thing("ann"), repository.thing("bob")
    command = Transfer(10, parts=2)
    first = await execute_together(transfer, command, *things, command_id=COMMAND)
    await repository.execute("bob", Deposit(7))
    again = await execute_together(transfer, command, *things, command_id=COMMAND)
    assert again == first
    assert (first[0].state.balance, first[1].state.balance) == (0, 10)
    assert await store.head() == 7


async def test_a_command_on_several_is_known_again_where_one_got_no_event() -> None:
    """That one is answered as of then."""
    repository = await funded(MemoryStore(), ann=10, bob=5)

    def level(_: str, source: Account, target: Account) -> tuple[list[Event], list[Event]]:
        return [], [Deposited(source.balance - target.balance)]

    things = repository.thing("ann"), repository.thing("bob")
    first = await execute_together(level, "level", *things, command_id=COMMAND)
    await repository.execute("ann", Deposit(100))
    again = await execute_together(level, "level", *things, command_id=COMMAND)
    assert again[1] == first[1]
    assert (again[0].events, again[0].state.balance) == ((), 10)


async def test_a_command_on_several_sent_twice_at_once_is_carried_out_once() -> None:
    """Whichever comes first; the others find it done when they are decided anew."""
    store = YieldingStore()
    repository = await funded(store, ann=10, bob=0)
    things = repository.thing("ann"), repository.thing("bob")
    await asyncio.gather(
        *(execute_together(transfer, Transfer(3), *things, command_id=COMMAND) for _ in range(4))
    )
    assert (await balance(repository, "ann"), await balance(repository, "bob")) == (7, 3)
    assert await store.head() == 5


async def test_snapshots_are_taken_of_all_things() -> None:
    """As after a command on one."""
    policy = SnapshotPolicy(MemorySnapshots(), Account, every=2)
    store = MemoryStore()
    await funded(store, ann=10, bob=0)
    repository = accounts(store, policy)
    await execute_together(transfer, Transfer(2), repository.thing("ann"), repository.thing("bob"))
    for key in ("ann", "bob"):
        assert await policy.store.load(f"account-{key}") is not None
    await execute_together(transfer, Transfer(2), repository.thing("ann"), repository.thing("bob"))
    assert (await balance(repository, "ann"), await balance(repository, "bob")) == (6, 4)


async def test_a_store_without_the_power_refuses_a_command_on_several() -> None:
    """Half a transfer is none."""
    store = MemoryStore()
    await funded(store, ann=10, bob=0)
    repository: Accounts = Repository(FiveMethods(store), SCHEMA, ACCOUNT, category="account")
    with pytest.raises(PowerMissing):
        await execute_together(
            transfer, Transfer(1), repository.thing("ann"), repository.thing("bob")
        )
    assert await store.head() == 3


async def test_things_of_a_command_are_of_one_store_and_named_once() -> None:
    """Neither two stores nor two states of one thing can be kept in step."""
    repository, elsewhere = accounts(MemoryStore()), accounts(MemoryStore())
    with pytest.raises(InvalidInput, match="named twice"):
        await execute_together(transfer, Transfer(0), repository.thing("a"), repository.thing("a"))
    with pytest.raises(InvalidInput, match="several stores"):
        await execute_together(transfer, Transfer(0), repository.thing("a"), elsewhere.thing("b"))
    with pytest.raises(InvalidName):
        repository.thing("")


async def test_a_decision_answers_for_each_thing() -> None:
    """An answer too short would lose events without a word."""

    def short(_: str, source: Account, target: Account) -> tuple[list[Event], list[Event]]:
        return ([Deposited(source.balance + target.balance)],)  # type: ignore[return-value]  # the point

    repository = accounts(MemoryStore())
    with pytest.raises(InvalidInput, match="answered for 1 things, not for 2"):
        await execute_together(short, "x", repository.thing("a"), repository.thing("b"))


@given(st.lists(st.tuples(st.permutations("abc"), st.integers(0, 9), st.booleans()), max_size=8))
async def test_transfers_keep_the_sum_of_all_accounts(
    moves: list[tuple[list[str], int, bool]],
) -> None:
    """Whatever is moved where, refused or repeated."""
    repository = await funded(MemoryStore(), a=5, b=5, c=5)
    for number, ((source, target, _), amount, again) in enumerate(moves):
        things = repository.thing(source), repository.thing(target)
        for _ in range(1 + again):
            try:
                await execute_together(
                    transfer, Transfer(amount), *things, command_id=UUID(int=number)
                )
            except NotCovered:
                continue
    balances = [await balance(repository, key) for key in "abc"]
    assert sum(balances) == 15
    assert min(balances) >= 0
