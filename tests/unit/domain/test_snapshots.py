"""Snapshots: a cache that is trusted only when it can be, and never changes a state."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import UnionType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import InvalidInput, UnknownEventType
from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.domain.decider import Decider
from backstory.domain.folds import Fold, StateCodec
from backstory.domain.repository import Repository
from backstory.domain.snapshots import (
    DirectorySnapshots,
    MemorySnapshots,
    Snapshot,
    SnapshotPolicy,
    SnapshotStore,
)
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

Accounts = Repository[Command, Event, Account]


def accounts(
    store: MemoryStore,
    snapshots: SnapshotStore | None,
    *,
    every: int = 1,
    decider: Decider[Command, Event, Account] = ACCOUNT,
    schema: Schema = SCHEMA,
) -> Accounts:
    """Return a repository of accounts that keeps *snapshots*."""
    policy = None if snapshots is None else SnapshotPolicy(snapshots, Account, every=every)
    return Repository(store, schema, decider, category="account", snapshots=policy)


class SpiedStore(MemoryStore):
    """A memory store that remembers how many events were read."""

    events_read = 0

    async def read(self, query: Read) -> list[RecordedEvent]:
        """Read, and count."""
        page = list(await super().read(query))
        self.events_read += len(page)
        return page


@pytest.fixture(params=["memory", "directory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    """Return each kind of snapshot store, empty."""
    return MemorySnapshots() if request.param == "memory" else DirectorySnapshots(tmp_path / "s")


SNAPSHOT = Snapshot(
    stream="account-a", revision=1, position=2, event_id=b"x" * 16, fold="f", state=b'{"a":1}'
)


async def test_a_saved_snapshot_is_loaded_until_another_takes_its_place(
    kept: SnapshotStore,
) -> None:
    """One for each stream; other streams have none."""
    assert await kept.load("account-a") is None
    await kept.save(SNAPSHOT)
    newer = msgspec.structs.replace(SNAPSHOT, revision=2)
    assert await kept.load("account-a") == SNAPSHOT
    await kept.save(newer)
    assert await kept.load("account-a") == newer
    assert await kept.load("account-b") is None


@pytest.mark.parametrize("stream", ["../../x", "a/b", "\x00", "x" * 5_000, "\ud800", ".", "ÄÖ"])
async def test_no_stream_name_leaves_the_directory(stream: str, tmp_path: Path) -> None:
    """File names are hashes."""
    kept = DirectorySnapshots(tmp_path / "inside")
    assert await kept.load(stream) is None
    snapshot = msgspec.structs.replace(SNAPSHOT, stream="account-a")
    await kept.save(snapshot)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("damage", [b"", b"x", b"{}", b"\xff" * 50])
async def test_a_damaged_file_reads_as_no_snapshot(damage: bytes, tmp_path: Path) -> None:
    """Whatever stands in it."""
    kept = DirectorySnapshots(tmp_path)
    await kept.save(SNAPSHOT)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(damage)
    assert await kept.load("account-a") is None


async def test_every_changed_byte_of_a_file_is_noticed(tmp_path: Path) -> None:
    """And every missing end."""
    kept = DirectorySnapshots(tmp_path)
    await kept.save(SNAPSHOT)
    (path,) = tmp_path.rglob("*.json")
    whole = path.read_bytes()
    for index in range(len(whole)):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
        assert await kept.load("account-a") is None
        path.write_bytes(whole[:index])
        assert await kept.load("account-a") is None


async def test_a_save_that_fails_leaves_the_old_snapshot_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced as a whole or not at all."""
    kept = DirectorySnapshots(tmp_path)
    await kept.save(SNAPSHOT)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        await kept.save(msgspec.structs.replace(SNAPSHOT, revision=9))
    assert await kept.load("account-a") == SNAPSHOT
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_snapshots_in_memory_are_bounded() -> None:
    """The longest unused one goes."""
    kept = MemorySnapshots(limit=2)
    for name in ("a", "b"):
        await kept.save(msgspec.structs.replace(SNAPSHOT, stream=name))
    await kept.load("a")
    await kept.save(msgspec.structs.replace(SNAPSHOT, stream="c"))
    assert [await kept.load(name) is not None for name in "abc"] == [True, False, True]


async def test_a_load_reads_only_what_follows_the_snapshot(kept: SnapshotStore) -> None:
    """The event it was taken at, to be sure, and those behind it."""
    store = SpiedStore()
    repository = accounts(store, kept, every=10)
    for _ in range(5):
        await repository.execute("a", Deposit(1, parts=5))
    store.events_read = 0
    loaded = await repository.load("a")
    assert (loaded.state.balance, loaded.revision, loaded.position) == (25, 24, 25)
    assert store.events_read == 6


async def test_a_snapshot_is_taken_when_enough_events_stand_behind_the_last_one() -> None:
    """Not at every command."""
    kept = MemorySnapshots()
    repository = accounts(MemoryStore(), kept, every=3)
    taken: list[int | None] = []
    for _ in range(8):
        await repository.execute("a", Deposit(1))
        snapshot = await kept.load("account-a")
        taken.append(None if snapshot is None else snapshot.revision)
    assert taken == [None, None, 2, 2, 2, 5, 5, 5]


@given(
    amounts=st.lists(st.integers(-9, 9), min_size=1, max_size=12),
    every=st.integers(1, 4),
    until=st.integers(0, 14),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "revision": st.integers(-2, 14),
            "position": st.integers(-2, 14),
            "event_id": st.binary(min_size=16, max_size=16),
            "fold": st.text(max_size=3),
            "stream": st.just("account-b"),
        },
    ),
)
async def test_a_state_with_snapshots_is_the_fold_from_scratch(
    amounts: list[int], every: int, until: int, changes: dict[str, object]
) -> None:
    """As of any position, with good snapshots and with any that names another place or fold."""
    store, kept = MemoryStore(), MemorySnapshots()
    with_snapshots, from_scratch = accounts(store, kept, every=every), accounts(store, None)
    for amount in amounts:
        await with_snapshots.execute("a", Deposit(amount))
    good = await kept.load("account-a")
    if good is not None:
        bad = msgspec.structs.replace(good, **changes)
        if changes:
            bad = msgspec.structs.replace(bad, state=b'{"balance":666}') if bad != good else bad
        kept._kept["account-a"] = bad  # noqa: SLF001 - a store may answer anything
    assert await with_snapshots.load("a") == await from_scratch.load("a")
    assert await with_snapshots.load("a", until=until) == await from_scratch.load("a", until=until)


@pytest.mark.parametrize("state", [b"", b"{", b"[]", b'{"balance":"x"}', b"\xff"])
async def test_a_snapshot_whose_state_cannot_be_read_is_ignored_and_logged(
    state: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """The events still tell everything."""
    kept = MemorySnapshots()
    repository = accounts(MemoryStore(), kept)
    await repository.execute("a", Deposit(5))
    good = await kept.load("account-a")
    assert good is not None
    await kept.save(msgspec.structs.replace(good, state=state))
    assert (await repository.load("a")).state.balance == 5
    assert "the snapshot of 'account-a' is ignored" in caplog.text


async def test_a_snapshot_of_a_store_that_was_replaced_is_ignored() -> None:
    """A store restored from an older copy has other events at the same place, or none."""
    kept = MemorySnapshots()
    before, restored, empty = MemoryStore(), MemoryStore(), MemoryStore()
    for _ in range(3):
        await accounts(before, kept).execute("a", Deposit(100))
        await accounts(restored, None).execute("a", Deposit(1))
    assert (await accounts(restored, kept).load("a")).state.balance == 3
    assert (await accounts(empty, kept).load("a")).state.balance == 0
    assert (await accounts(before, kept).load("a")).state.balance == 300


async def test_a_snapshot_of_another_fold_is_ignored_and_replaced() -> None:
    """New code never starts from what old code believed."""
    store, kept = MemoryStore(), MemorySnapshots()
    await accounts(store, kept).execute("a", Deposit(5))

    def doubled(state: Account, event: Event) -> Account:
        return evolve(evolve(state, event), event)

    changed = Decider(initial=Account(), decide=decide, evolve=doubled)
    assert (await accounts(store, kept, decider=changed).load("a")).state.balance == 10
    await accounts(store, kept, decider=changed).execute("a", Deposit(1))
    snapshot = await kept.load("account-a")
    assert snapshot is not None
    assert snapshot.fold == fold_of(changed)


def bigger(data: dict[str, object]) -> dict[str, object]:
    """Version 1 counted in another unit."""
    return {"amount": int(str(data["amount"])) * 100}


def smaller(data: dict[str, object]) -> dict[str, object]:
    """Take the same step otherwise."""
    return {"amount": int(str(data["amount"])) // 100}


def schema_of(name: str = "d", version: int = 1, **more: object) -> Schema:
    """Return a schema of one event type."""
    return Schema(
        EventType("o", Opened),
        EventType(name, Deposited, version=version, **more),  # type: ignore[arg-type]  # by name
    )


def fold_of(
    decider: Decider[Command, Event, Account] = ACCOUNT,
    schema: Schema = SCHEMA,
    state: type | UnionType = Account,
    types: tuple[str, ...] = ("money-deposited",),
) -> str:
    """Return the hash of a fold over *types*."""
    return Fold(decider, schema, state).over(frozenset(types))


def test_all_that_decides_a_state_is_in_its_fold() -> None:
    """Evolve, the initial state, the state's type, and the event types folded."""
    rich = Decider(initial=Account(balance=7), decide=decide, evolve=evolve)
    folds = [
        fold_of(),
        fold_of(rich),
        fold_of(state=Account | None),
        fold_of(types=("money-deposited", "account-opened")),
        fold_of(schema=schema_of(), types=("d",)),
        fold_of(schema=schema_of(version=2, upcasters={1: bigger}), types=("d",)),
        fold_of(schema=schema_of(version=2, upcasters={1: smaller}), types=("d",)),
    ]
    assert len(set(folds)) == len(folds)
    assert fold_of() == folds[0]


def test_event_types_that_were_not_folded_decide_nothing() -> None:
    """A change of another type, or a name that no event carries, throws no snapshot away."""
    changed = schema_of(version=2, upcasters={1: bigger}, formerly=("e",))
    assert fold_of(schema=changed, types=("o",)) == fold_of(schema=schema_of(), types=("o",))
    assert fold_of(schema=changed, types=("e",)) != fold_of(schema=schema_of(), types=("d",))
    renamed = schema_of("new", formerly=("d",))
    assert fold_of(schema=renamed, types=("d",)) == fold_of(schema=schema_of(), types=("d",))


async def test_a_change_of_an_event_type_counts_for_the_streams_that_hold_it() -> None:
    """The others go on from their snapshots."""
    store, kept = SpiedStore(), MemorySnapshots()
    old = SCHEMA
    new = Schema(
        old.types[0],
        EventType("money-deposited", Deposited, version=2, upcasters={1: bigger}),
    )
    await accounts(store, kept, schema=old).execute("opened", Open("a"))
    await accounts(store, kept, schema=old).execute("both", Open("b"))
    await accounts(store, kept, schema=old).execute("both", Deposit(1, parts=4))
    store.events_read = 0
    assert (await accounts(store, kept, schema=new).load("opened")).state.owner == "a"
    assert store.events_read == 1
    assert (await accounts(store, kept, schema=new).load("both")).state.balance == 400
    assert store.events_read == 1 + 5


async def test_a_snapshot_with_a_type_that_is_gone_is_ignored() -> None:
    """The load then says what is missing, as without a snapshot."""
    store, kept = MemoryStore(), MemorySnapshots()
    await accounts(store, kept).execute("a", Open("a"))
    await accounts(store, kept).execute("a", Deposit(1))
    less = Schema(EventType("money-deposited", Deposited))
    with pytest.raises(UnknownEventType):
        await accounts(store, kept, schema=less).load("a")


@given(
    st.lists(st.sampled_from([Open("x"), Deposit(1), Deposit(2, parts=3)]), max_size=6),
    st.integers(1, 3),
)
async def test_a_snapshot_names_every_type_that_was_folded(
    commands: list[Command], every: int
) -> None:
    """Also those that an earlier snapshot stood for."""
    store, kept = MemoryStore(), MemorySnapshots()
    for command in commands:
        with suppress(AlreadyOpen):
            await accounts(store, kept, every=every).execute("a", command)
    snapshot = await kept.load("account-a")
    if snapshot is not None:
        until = snapshot.position
        folded = {event.type for event in await store.read(Read(until=until))}
        assert snapshot.types == tuple(sorted(folded))


class BrokenSnapshots:
    """A snapshot store that can do nothing."""

    async def load(self, stream: str) -> Snapshot | None:
        """Fail."""
        raise RuntimeError(stream)

    async def save(self, snapshot: Snapshot) -> None:
        """Fail."""
        raise RuntimeError(snapshot.stream)


async def test_a_snapshot_store_that_fails_costs_time_and_no_command(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What went wrong is logged."""
    repository = accounts(MemoryStore(), BrokenSnapshots())
    assert (await repository.execute("a", Deposit(5))).state.balance == 5
    assert (await repository.load("a")).state.balance == 5
    assert "is ignored: it cannot be read" in caplog.text
    assert "no snapshot of 'account-a' was saved" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


@dataclass
class Forgetful:
    """A state that JSON does not bring back whole: a tuple comes back as a list."""

    counts: object = ()


async def test_a_state_that_json_does_not_bring_back_is_never_snapshotted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Trusting it would change the state by whether a snapshot was there."""
    kept = MemorySnapshots()

    def count(state: Forgetful, _: Event) -> Forgetful:
        assert isinstance(state.counts, tuple)
        return Forgetful((*state.counts, 1))

    def pay(command: Deposit, _: Forgetful) -> list[Event]:
        return [Deposited(command.amount)]

    repository = Repository(
        MemoryStore(),
        SCHEMA,
        Decider(initial=Forgetful(), decide=pay, evolve=count),
        category="account",
        snapshots=SnapshotPolicy(kept, Forgetful, every=1),
    )
    for expected in (1, 2, 3):
        await repository.execute("a", Deposit(1))
        assert (await repository.load("a")).state == Forgetful((1,) * expected)
    assert await kept.load("account-a") is None
    assert "does not come back from JSON as it was" in caplog.text


def test_a_state_that_is_equal_but_written_otherwise_is_refused() -> None:
    """1 equals 1.0, and is not the same in the next division."""
    numbers: Decider[object, object, float] = Decider(
        initial=0.0, decide=lambda *_: (), evolve=lambda state, _: state
    )
    codec = StateCodec(float, Fold(numbers, SCHEMA, float))
    last = RecordedEvent(2, "account-a", 1, "a", b"1", b"{}", b"x" * 16, 0)
    with pytest.raises(InvalidInput, match="a int does not come back"):
        codec.snapshot(1, last, frozenset())
    assert codec.snapshot(1.5, last, frozenset()).taken_at(last)


async def test_no_state_may_be_none() -> None:
    """A thing may end as nothing."""
    kept = MemorySnapshots()
    decider: Decider[Deposit, Deposited, Account | None] = Decider(
        initial=None,
        decide=lambda command, _: [Deposited(command.amount)],
        evolve=lambda _, event: Account(balance=event.amount) if event.amount else None,
    )
    repository = Repository(
        MemoryStore(),
        SCHEMA,
        decider,
        category="account",
        snapshots=SnapshotPolicy(kept, Account, every=1),
    )
    for amount in (5, 0):
        await repository.execute("a", Deposit(amount))
        loaded = await repository.load("a")
        assert loaded.state == (Account(balance=5) if amount else None)
    snapshot = await kept.load("account-a")
    assert snapshot is not None
    assert snapshot.state == b"null"


def test_a_policy_needs_at_least_one_event() -> None:
    """A snapshot every zero events would be a snapshot of nothing."""
    with pytest.raises(InvalidInput, match="every 1 or more events"):
        SnapshotPolicy(MemorySnapshots(), Account, every=0)
