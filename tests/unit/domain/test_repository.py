"""Repositories: load, decide, append; and again when others come in between."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import (
    InvalidEvent,
    InvalidInput,
    InvalidName,
    SchemaError,
    StoreBusy,
    TooManyConflicts,
    UnknownEventType,
)
from backstory.core.events import NewEvent
from backstory.core.expected import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    Expected,
    WrongExpectedRevision,
)
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.domain.context import Context
from backstory.domain.decider import Decider
from backstory.domain.decision import Loaded
from backstory.domain.repository import Repository
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
    decide,
    evolve,
)
from tests.unit.domain.unreliable import UnreliableStore

Accounts = Repository[Command, Event, Account]


def accounts(store: MemoryStore, *, attempts: int = 5) -> Accounts:
    """Return a repository of accounts in *store*."""
    return Repository(store, SCHEMA, ACCOUNT, category="account", attempts=attempts)


async def test_a_thing_without_a_stream_is_in_its_initial_state() -> None:
    """Nothing happened to it yet."""
    assert await accounts(MemoryStore()).load("a") == Loaded(Account(), None, 0)


async def test_a_command_appends_what_the_decider_decides() -> None:
    """The events stand in the stream of category and key."""
    store = MemoryStore()
    decision = await accounts(store).execute("ann", Open("Ann"))
    assert decision.events == (Opened("Ann"),)
    assert decision.state == Account("Ann")
    assert (decision.revision, decision.position) == (0, 1)
    assert decision.appended is not None
    assert decision.appended.stream == "account-ann"
    (event,) = await store.read(Read(stream="account-ann"))
    assert (event.type, event.json()) == ("account-opened", {"owner": "Ann"})


@given(st.lists(st.integers(0, 9), max_size=8))
async def test_a_loaded_state_is_the_fold_of_all_decisions(amounts: list[int]) -> None:
    """What a decision answers is what every later load answers."""
    repository = accounts(MemoryStore())
    state = Account()
    for amount in amounts:
        decision = await repository.execute("a", Deposit(amount, parts=2))
        for event in decision.events:
            state = evolve(state, event)
        loaded = await repository.load("a")
        assert decision.state == state == loaded.state
        assert (decision.revision, decision.position) == (loaded.revision, loaded.position)


async def test_a_state_as_of_a_position_knows_nothing_later() -> None:
    """Also when the position belongs to another stream."""
    repository = accounts(MemoryStore())
    await repository.execute("a", Deposit(1))
    await repository.execute("b", Deposit(10))
    await repository.execute("a", Deposit(2))
    balances = [(await repository.load("a", until=n)).state.balance for n in range(5)]
    assert balances == [0, 1, 1, 3, 3]
    assert await repository.load("a", until=2) == Loaded(Account(None, 1, (1,)), 0, 1)


async def test_a_long_stream_is_loaded_page_by_page() -> None:
    """More events than fit one page."""
    store = MemoryStore()
    events = [SCHEMA.encode(Deposited(1)) for _ in range(4_001)]
    await store.append("account-a", events)
    loaded = await accounts(store).load("a")
    assert (loaded.state.balance, loaded.revision) == (4_001, 4_000)


async def test_a_decision_of_nothing_writes_nothing() -> None:
    """It answers what was loaded."""
    store = MemoryStore()
    repository = accounts(store)
    nothing = await repository.execute("a", Deposit(0))
    assert (nothing.events, nothing.appended) == ((), None)
    assert (nothing.state, nothing.revision, nothing.position) == (Account(), None, 0)
    await repository.execute("a", Open("a"))
    nothing = await repository.execute("a", Deposit(0))
    assert (nothing.state, nothing.revision, nothing.position) == (Account("a"), 0, 1)
    assert await store.head() == 1


async def test_a_refused_command_writes_nothing() -> None:
    """The decider's own error reaches the caller."""
    store = MemoryStore()
    repository = accounts(store)
    await repository.execute("a", Open("a"))
    with pytest.raises(AlreadyOpen):
        await repository.execute("a", Open("b"))
    assert await store.head() == 1


async def test_metadata_carries_the_context_and_the_name_of_the_command() -> None:
    """Every event of the decision says who, why and in which conversation."""
    store = MemoryStore()
    context = Context(correlation_id="c", causation_id="e", actor="ann")
    await accounts(store).execute("a", Deposit(1, parts=2), context=context)
    for event in await store.read(Read()):
        assert event.meta() == {**context.metadata(), "command": "Deposit"}
    named = Context(correlation_id="c", command="pay-in")
    await accounts(store).execute("a", Deposit(1), context=named)
    (event,) = await store.read(Read(after=2))
    assert event.meta() == {"$correlationId": "c", "command": "pay-in"}


async def test_without_a_context_a_new_correlation_starts() -> None:
    """Taken from the repository's source of ids, as the events' ids are."""
    numbers = iter(range(1, 100))
    store = MemoryStore()
    repository = Repository(
        store, SCHEMA, ACCOUNT, category="account", ids=lambda: UUID(int=next(numbers))
    )
    await repository.execute("a", Deposit(1, parts=2))
    first, second = await store.read(Read())
    assert first.meta()["$correlationId"] == str(UUID(int=1))
    assert (first.id, second.id) == (UUID(int=2), UUID(int=3))
    assert second.meta() == first.meta()


async def test_commands_that_meet_are_all_carried_out() -> None:
    """Each conflict is decided anew on what the other one wrote."""
    store = MemoryStore()
    repository = accounts(store, attempts=40)
    await asyncio.gather(*(repository.execute("a", Deposit(n)) for n in range(1, 17)))
    loaded = await repository.load("a")
    assert loaded.state.balance == sum(range(1, 17))
    assert loaded.revision == 15


async def test_only_one_of_two_commands_that_exclude_each_other_wins() -> None:
    """The loser is decided on the winner's state, and refused."""
    store = MemoryStore()
    repository = accounts(store)
    answers = await asyncio.gather(
        *(repository.execute("a", Open(n)) for n in "ab"), return_exceptions=True
    )
    assert sum(isinstance(answer, AlreadyOpen) for answer in answers) == 1
    assert await store.head() == 1


async def test_endless_conflicts_end_with_an_error() -> None:
    """The number of attempts bounds them, and nothing of the command is written."""
    store = UnreliableStore()

    async def another_writes() -> None:
        await MemoryStore.append(store, "account-a", [SCHEMA.encode(Deposited(1))])

    store.before = [another_writes] * 3
    with pytest.raises(TooManyConflicts) as caught:
        await accounts(store, attempts=3).execute("a", Deposit(100))
    assert (caught.value.stream, caught.value.attempts) == ("account-a", 3)
    assert (await accounts(store).load("a")).state.balance == 3


@pytest.mark.parametrize("expected", [ANY, None, STREAM_EXISTS, 1])
async def test_what_the_caller_expects_is_met(expected: Expected | None) -> None:
    """Then the command is carried out."""
    repository = accounts(MemoryStore())
    await repository.execute("a", Deposit(1, parts=2))
    assert (await repository.execute("a", Deposit(1), expected=expected)).revision == 2
    assert (await repository.execute("b", Open("b"), expected=NO_STREAM)).revision == 0


@pytest.mark.parametrize(
    ("key", "expected", "actual"),
    [("a", NO_STREAM, 1), ("a", 0, 1), ("a", 2, 1), ("b", STREAM_EXISTS, None), ("b", 0, None)],
)
async def test_what_the_caller_expects_is_enforced_before_the_command_is_decided(
    key: str, expected: Expected, actual: int | None
) -> None:
    """Also for a command that the decider would refuse or that has nothing to do."""
    store = MemoryStore()
    repository = accounts(store)
    await repository.execute("a", Open("a"))
    await repository.execute("a", Deposit(1))
    for command in (Open("b"), Deposit(0), Deposit(1)):
        with pytest.raises(WrongExpectedRevision) as caught:
            await repository.execute(key, command, expected=expected)
        assert (caught.value.expected, caught.value.actual) == (expected, actual)
    assert await store.head() == 2


async def test_a_conflict_with_what_the_caller_saw_is_not_tried_again() -> None:
    """Somebody else changed the thing between the caller's look and the append."""
    store = UnreliableStore()
    repository = accounts(store)
    await repository.execute("a", Deposit(1))

    async def another_writes() -> None:
        await MemoryStore.append(store, "account-a", [SCHEMA.encode(Deposited(10))])

    store.before = [another_writes]
    with pytest.raises(WrongExpectedRevision) as caught:
        await repository.execute("a", Deposit(100), expected=0)
    assert (caught.value.expected, caught.value.actual) == (0, 1)
    assert (await repository.load("a")).state.balance == 11


async def test_a_busy_store_is_the_callers_to_try_again() -> None:
    """Nothing was written, and the error says so."""
    store = UnreliableStore()
    store.before = [StoreBusy()]
    with pytest.raises(StoreBusy):
        await accounts(store).execute("a", Deposit(1))
    assert await store.head() == 0


@pytest.mark.parametrize("key", ["", " ", "a\x00", "\u202ea", "x" * 4_096])
async def test_a_key_that_cannot_name_a_stream_is_refused(key: str) -> None:
    """When reading too: such a thing cannot exist."""
    repository = accounts(MemoryStore())
    with pytest.raises(InvalidName):
        await repository.load(key)
    with pytest.raises(InvalidName):
        await repository.execute(key, Deposit(1))


async def test_a_key_is_text() -> None:
    """The number 7 and the text "7" must not be one account by accident."""
    with pytest.raises(InvalidName, match="a key is text"):
        await accounts(MemoryStore()).load(7)  # type: ignore[arg-type]  # the point of the test


def test_a_category_ends_at_the_first_dash() -> None:
    """A longer one would never be found by its name."""
    with pytest.raises(InvalidName, match="ends at the first '-'"):
        Repository(MemoryStore(), SCHEMA, ACCOUNT, category="bank-account")
    with pytest.raises(InvalidName):
        Repository(MemoryStore(), SCHEMA, ACCOUNT, category="")


def test_a_repository_makes_at_least_one_attempt() -> None:
    """None would carry out nothing."""
    with pytest.raises(InvalidInput, match="at least one attempt"):
        accounts(MemoryStore(), attempts=0)


async def test_an_event_the_schema_does_not_know_stops_the_load() -> None:
    """A state without it would be wrong."""
    store = MemoryStore()
    await store.append("account-a", [NewEvent.of("account-frozen", {})])
    with pytest.raises(UnknownEventType):
        await accounts(store).load("a")


async def test_a_decided_event_outside_the_schema_is_refused_before_it_is_written() -> None:
    """The message names what is missing."""
    store = MemoryStore()
    repository = Repository(
        store, Schema(EventType("account-opened", Opened)), ACCOUNT, category="account"
    )
    with pytest.raises(SchemaError, match="Deposited is not in the schema"):
        await repository.execute("a", Deposit(1))
    assert await store.head() == 0


class Bounded(msgspec.Struct, frozen=True):
    """An event with a rule that msgspec checks when it reads, not when it is made."""

    amount: Annotated[int, msgspec.Meta(le=10)]


async def test_a_decided_event_that_could_not_be_read_back_is_refused() -> None:
    """Written, it would lock its stream for ever."""
    store = MemoryStore()
    decider: Decider[int, Bounded, int] = Decider(
        initial=0,
        decide=lambda command, _: [Bounded(1), Bounded(command)],
        evolve=lambda state, event: state + event.amount,
    )
    repository = Repository(
        store, Schema(EventType("bounded", Bounded)), decider, category="bounded"
    )
    with pytest.raises(InvalidEvent, match="could not be read back; nothing was written"):
        await repository.execute("a", 11)
    assert await store.head() == 0
    assert (await repository.execute("a", 10)).state == 11


async def test_an_evolve_that_fails_on_a_decided_event_leaves_nothing_behind() -> None:
    """The fold is tried before the event is history."""

    def fragile(state: Account, event: Event) -> Account:
        if isinstance(event, Deposited):
            raise ZeroDivisionError
        return evolve(state, event)

    store = MemoryStore()
    repository = Repository(
        store,
        SCHEMA,
        Decider(initial=Account(), decide=decide, evolve=fragile),
        category="account",
    )
    with pytest.raises(ZeroDivisionError):
        await repository.execute("a", Deposit(1))
    assert await store.head() == 0
