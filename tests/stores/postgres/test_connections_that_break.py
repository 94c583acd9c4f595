"""Connections break in the middle of appends: by an administrator, a restart, a lost answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from backstory import EventStore, NewEvent, OutcomeUnknown, Read, StoreUnavailable
from backstory.testing.samples import all_of, check_order
from tests.servers.databases import Server, name_of
from tests.servers.postgres import VERSIONS, PostgresServer
from tests.servers.proxy import Proxy
from tests.stores.postgres.conftest import (
    PATIENCE,
    Open,
    connected,
    gate_at,
    slow_event,
    some_event,
    until,
)

WRITERS: Final = 12
PER_FAULT: Final = 150
"""Events acknowledged between one fault and the next."""

_SAID: Final = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
GOODBYE: Final = b"E" + (len(_SAID) + 4).to_bytes(4) + _SAID
"""What a PostgreSQL server says to everyone when it shuts down."""


class Work(msgspec.Struct):
    """What writers were told, and what they found out."""

    acknowledged: dict[str, int] = {}
    unknown: int = 0
    refused: int = 0
    ending: bool = False
    ended: bool = False


async def write(store: EventStore, stream: str, work: Work) -> None:
    """Append batch after batch, each until it is acknowledged."""
    number = 0
    while not work.ending:
        batch = [some_event(number), some_event(number)][: 1 + number % 2]
        position = await persist(store, stream, batch, work)
        for back, event in enumerate(reversed(batch)):
            work.acknowledged[str(event.id)] = position - back
        number += 1


async def persist(store: EventStore, stream: str, batch: list[NewEvent], work: Work) -> int:
    """Append *batch*, with the same ids again while nobody knows or nothing was stored."""
    while True:
        try:
            return (await store.append(stream, batch)).position
        except OutcomeUnknown:
            work.unknown += 1
        except StoreUnavailable:
            work.refused += 1
            await asyncio.sleep(0.01)


async def follow(store: EventStore, work: Work) -> list[int]:
    """Return all positions in the order in which they were seen, by a reader with patience."""
    seen: list[int] = []
    while True:
        ended = work.ended
        try:
            page = await store.read(Read(after=seen[-1] if seen else 0, limit=20))
            seen += [event.position for event in page]
            if not page and ended:
                return seen
            if not page:
                await store.wait(len(seen), 0.1)
        except StoreUnavailable:
            await asyncio.sleep(0.01)


def terminate(server: PostgresServer, database: str) -> None:
    """Break every connection to *database*."""
    server.terminate(database)


def restart(server: PostgresServer, _: str) -> None:
    """Stop *server* in order, and start it again."""
    server.restart()


def crash(server: PostgresServer, _: str) -> None:
    """Stop *server* without order, and start it again."""
    server.crash()
    server.start()


@pytest.mark.parametrize("fault", [terminate, restart, crash])
@pytest.mark.parametrize("own_postgres", VERSIONS, indirect=True, ids=str)
async def test_no_acknowledged_event_is_lost_or_doubled(
    own_postgres: PostgresServer, opened: Open, fault: Callable[[PostgresServer, str], None]
) -> None:
    """Writers repeat what is unknown with the same ids; the log then has each event once."""
    url = own_postgres.create()
    stores = [await opened(url) for _ in range(4)]
    work = Work()
    followers = [asyncio.create_task(follow(store, work)) for store in stores[2:]]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(write(stores[number % 2], f"thing-{number}", work))
        for _ in range(3):
            await more_acknowledged(work)
            await asyncio.to_thread(fault, own_postgres, name_of(url))
        await more_acknowledged(work)
        work.ending = True
    work.ended = True
    log = await all_of(stores[0])
    check_order(log)
    stored = {str(event.id): event.position for event in log}
    assert len(stored) == len(log)
    assert stored == work.acknowledged
    for follower in followers:
        assert await follower == [event.position for event in log]


async def more_acknowledged(work: Work) -> None:
    """Wait until so many more events are acknowledged."""
    enough = len(work.acknowledged) + PER_FAULT

    async def reached() -> bool:
        return len(work.acknowledged) >= enough

    await until(reached)


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_an_append_cut_off_on_the_server_is_unknown_and_may_be_repeated(
    postgres: Server, opened: Open
) -> None:
    """Its transaction was rolled back, yet the client cannot know: the retry stores it."""
    url = postgres.create()
    store = await opened(url)
    event = slow_event()
    async with gate_at(url) as gate, connected(url) as administrator:
        await gate.close()
        cut_off = asyncio.create_task(store.append("thing-1", [event]))
        await until(gate.held)
        (pid,) = await gate.held()
        await administrator.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(OutcomeUnknown, match=r"the append to 'thing-1' is stored.*same ids"):
            await cut_off
        await gate.open()
        assert (await store.append("thing-1", [event])).position == 1
    assert [found.id for found in await all_of(store)] == [event.id]


@pytest.mark.parametrize("companions", [0, 3], ids=["alone", "in a group"])
async def test_an_append_whose_answer_is_lost_is_unknown_and_repeated_only_in_words(
    postgres: Server, opened: Open, companions: int
) -> None:
    """It was stored: the retry answers the original result and writes nothing."""
    async with Proxy(postgres.create()) as proxy:
        store = await opened(proxy.url)
        await store.append("thing-0", [some_event()])
        batches = {f"lost-{number}": [some_event()] for number in range(1 + companions)}
        proxy.lose_the_answer_to(b"lost-0")
        outcomes = await asyncio.gather(
            *(store.append(stream, batch) for stream, batch in batches.items()),
            return_exceptions=True,
        )
        for stream, outcome in zip(batches, outcomes, strict=True):
            assert isinstance(outcome, OutcomeUnknown)
            assert f"the append to {stream!r} is stored" in str(outcome)
        assert proxy.lost == 1
        await until(lambda: _is_stored(store, 1 + len(batches)))
        for position, (stream, batch) in enumerate(batches.items(), 2):
            assert (await store.append(stream, batch)).position == position
        assert await store.head() == 1 + len(batches)


async def _is_stored(store: EventStore, head: int) -> bool:
    return await store.head() == head


async def test_an_append_that_could_not_be_sent_is_refused_as_not_stored(
    own_postgres: PostgresServer, opened: Open
) -> None:
    """With no server there is nothing unknown, and once it is back the store works on."""
    store = await opened(own_postgres.create(), reconnect_timeout=0.2)
    await store.append("thing-1", [some_event()])
    own_postgres.stop()
    await asyncio.sleep(0)  # the connections notice
    with pytest.raises((StoreUnavailable, OutcomeUnknown)):
        await store.append("thing-1", [some_event()])
    with pytest.raises(StoreUnavailable, match=r"Nothing was stored; try again"):
        await store.append("thing-1", [some_event()])
    with pytest.raises(StoreUnavailable):
        await store.read(Read())
    own_postgres.start()
    assert (await store.append("thing-2", [some_event()])).position == 2
    assert len(await store.read(Read())) == 2


async def test_reads_wait_for_a_server_that_restarts(
    own_postgres: PostgresServer, opened: Open
) -> None:
    """Whoever reads only may be asked again: a restart costs time, not an error."""
    store = await opened(own_postgres.create(), reconnect_timeout=PATIENCE)
    await store.append("thing-1", [some_event()])
    own_postgres.stop()
    reads = [asyncio.create_task(store.read(Read())) for _ in range(6)]
    head = asyncio.create_task(store.head())
    await asyncio.to_thread(own_postgres.start)
    assert [len(page) for page in await asyncio.gather(*reads)] == [1] * 6
    assert await head == 1


async def test_a_server_that_goes_while_it_greets_is_waited_for(
    postgres: Server, opened: Open
) -> None:
    """Opening says so at once; a store that is open waits for the next server."""
    async with Proxy(postgres.create()) as proxy:
        proxy.follow_greetings_with(GOODBYE)
        with pytest.raises(StoreUnavailable, match="the server closed the connection"):
            await opened(proxy.url)
        store = await opened(proxy.url)
        assert (await store.append("thing-1", [some_event()])).position == 1
        postgres.terminate(name_of(proxy.url))
        proxy.follow_greetings_with(GOODBYE, GOODBYE)
        assert len(await store.read(Read())) == 1
        assert await store.wait(0, 10) == 1
        assert (await store.append("thing-1", [some_event()])).position == 2
        assert await store.wait(1, 10) == 2


async def test_a_silent_server_is_given_up_and_what_it_was_doing_is_unknown(
    own_postgres: PostgresServer, opened: Open
) -> None:
    """A broken network answers nothing at all; nobody waits for it without end."""
    store = await opened(own_postgres.create(), answer_timeout=0.5, busy_timeout=0.2)
    await store.append("thing-1", [some_event()])
    event = some_event()
    with own_postgres.paused(), pytest.raises(OutcomeUnknown):
        await store.append("thing-1", [event])
    assert (await store.append("thing-1", [event])).revision == 1
    assert [found.id for found in await all_of(store)][1:] == [event.id]
