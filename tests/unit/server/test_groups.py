"""Groups while several things happen to them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.server.failures import Failure
from backstory.server.node import Node
from backstory.server.persistent.engine import Consumer, Message
from backstory.server.persistent.groups import Groups
from backstory.server.persistent.settings import GroupConfig, GroupSettings
from backstory.server.settings import ServerSettings
from backstory.stores.memory import MemoryStore

CONFIG = GroupConfig(
    stream="order-1",
    group="workers",
    start=-1,
    start_from="0",
    settings=GroupSettings(max_subscriber_count=2),
)


class Unhurried(MemoryStore):
    """Lets others go on before it answers, as a store on a disk does."""

    answers_after: float = 0.001

    async def read(self, query: Read) -> Sequence[RecordedEvent]:
        """Read, and answer a little later."""
        found = await super().read(query)
        await asyncio.sleep(self.answers_after)
        return found


@pytest.fixture
async def store() -> AsyncIterator[Unhurried]:
    """Return a store with a stream of three events."""
    store = Unhurried()
    await store.append("order-1", [NewEvent.of("placed", n) for n in range(3)])
    yield store
    await store.close()


@asynccontextmanager
async def serving(store: EventStore) -> AsyncIterator[Groups]:
    """Run the groups of a server on *store*."""
    node = Node(store, ServerSettings())
    groups = Groups(node)
    node.on_close(groups.close)
    try:
        yield groups
    finally:
        await node.close()


class Listener:
    """What a consumer was given, and whether it was dropped."""

    def __init__(self) -> None:
        """Have nothing."""
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.dropped = asyncio.Event()
        self.consumer = Consumer(
            name="",
            address="",
            slots=10,
            deliver=self.messages.put_nowait,
            drop=self.dropped.set,
        )


def trying(times: int) -> Callable[[GroupConfig], GroupConfig]:
    """Return the change to a group that tries *times* before it parks an event."""
    settings = msgspec.structs.replace(CONFIG.settings, max_retry_count=times)
    return lambda config: msgspec.structs.replace(config, settings=settings)


async def test_of_many_that_come_at_once_only_as_many_as_allowed_take_part(
    store: EventStore,
) -> None:
    """The group begins to read with the first one, and the others come while it does."""
    async with serving(store) as groups:
        await groups.create(CONFIG)
        group = await groups.find("order-1", "workers")
        joined = await asyncio.gather(
            *(group.join(Listener().consumer) for _ in range(12)), return_exceptions=True
        )
        assert len(group.engine.consumers) == joined.count(None) == 2
        refused = [error for error in joined if isinstance(error, Failure)]
    assert [error.trailers["exception"] for error in refused] == [
        "maximum-subscribers-reached"
    ] * 10


async def test_who_joins_while_a_group_is_deleted_is_told(store: EventStore) -> None:
    """It would wait forever in a group that nobody feeds."""
    async with serving(store) as groups:
        await groups.create(CONFIG)
        group = await groups.find("order-1", "workers")
        await groups.delete("order-1", "workers")
        with pytest.raises(Failure, match="was dropped") as caught:
            await group.join(Listener().consumer)
        assert caught.value.trailers["exception"] == "persistent-subscription-dropped"
        assert not group.running


async def test_a_group_that_another_server_has_changed_begins_anew(store: EventStore) -> None:
    """Its consumers are dropped as if it had been changed here, and come back."""
    async with serving(store) as here, serving(store) as there:
        await here.create(CONFIG)
        before, first = await here.find("order-1", "workers"), Listener()
        await before.join(first.consumer)
        await there.update("order-1", "workers", trying(1))
        assert not first.dropped.is_set()
        after, second = await here.find("order-1", "workers"), Listener()
        assert first.dropped.is_set()
        assert not before.running
        assert after.config.settings.max_retry_count == 1
        await after.join(second.consumer)
        async with asyncio.timeout(10):
            taken = [(await second.messages.get()).key for _ in range(3)]
    assert taken == [0, 1, 2]


async def test_who_looks_for_a_group_that_is_being_changed_joins_none_of_before(
    store: Unhurried,
) -> None:
    """Nobody would ever drop its consumers."""
    async with serving(store) as groups:
        await groups.create(CONFIG)
        store.answers_after = 0.05
        finding = asyncio.create_task(groups.find("order-1", "workers"))
        await asyncio.sleep(0.01)
        store.answers_after = 0.0
        await groups.update("order-1", "workers", trying(1))
        with pytest.raises(Failure, match="was dropped"):
            await (await finding).join(Listener().consumer)
        now = await groups.find("order-1", "workers")
        assert now.config.settings.max_retry_count == 1
