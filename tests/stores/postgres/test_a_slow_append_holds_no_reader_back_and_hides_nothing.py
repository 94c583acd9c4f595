"""An append takes its position and does not commit, while others append: the classic loss.

The insert of a slow event is held at a gate, in a trigger. Everybody else appends meanwhile, and
followers read along by every path there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest
from msgspec.structs import replace

from backstory import EventStore, StoreUnavailable
from backstory.core.read import MAX_LIMIT
from backstory.testing.samples import all_of, answer, check_order
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import (
    Gate,
    Open,
    connected,
    gate_at,
    slow_event,
    some_event,
    until,
)
from tests.stores.postgres.following import PATHS, STREAM, Follower

WITH_A_SEQUENCE: Final = """
    CREATE SEQUENCE backstory.positions START 2;
    CREATE FUNCTION backstory.take_number() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.position := nextval('backstory.positions');
        RETURN NEW;
    END $$;
    CREATE TRIGGER take_number BEFORE INSERT ON backstory.events
    FOR EACH ROW EXECUTE FUNCTION backstory.take_number();
"""
"""What most event stores do: positions come from a sequence, outside the transaction."""


@asynccontextmanager
async def followed(stores: Sequence[EventStore]) -> AsyncIterator[dict[str, Follower]]:
    """Let every path be followed, over *stores* in turn; all have come to the end afterwards."""
    followers = {name: Follower(stores[number % len(stores)]) for number, name in enumerate(PATHS)}
    async with asyncio.TaskGroup() as group:
        for name, (query, way) in PATHS.items():
            group.create_task(way(followers[name], query))
        yield followers
        for follower in followers.values():
            follower.ending = True


async def looked_again(followers: dict[str, Follower]) -> None:
    """Wait until every follower has looked for more at least twice."""
    before = {name: follower.rounds for name, follower in followers.items()}

    async def all_looked() -> bool:
        return all(each.rounds > before[name] + 1 for name, each in followers.items())

    await until(all_looked)


async def gone_astray(store: EventStore, followers: dict[str, Follower]) -> set[str]:
    """Return the paths on which not everything was found once and in order."""
    log = await all_of(store)
    astray = set()
    for name, (query, _) in PATHS.items():
        wanted = [event.position for event in answer(log, replace(query, limit=MAX_LIMIT))]
        if followers[name].found != wanted:
            astray.add(name)
    return astray


async def waiting(gate: Gate) -> bool:
    """Return whether one append is held, and at least two others wait behind it."""
    return len(await gate.held()) == 1 and await gate.behind() >= 2


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
@pytest.mark.parametrize("seeded", [True, False], ids=["known kinds", "new kinds"])
async def test_no_path_of_a_reader_skips_an_append_that_commits_late(
    postgres_url: str, opened: Open, *, seeded: bool
) -> None:
    """What comes later waits for it, so nobody can see a later position first."""
    slow, *others = [await opened(postgres_url) for _ in range(4)]
    reading = [await opened(postgres_url), await opened(postgres_url, notify="off")]
    if seeded:
        await slow.append(STREAM, [some_event()])
    async with gate_at(postgres_url) as gate, followed(reading) as followers:
        for number in range(3):
            await gate.close()
            late = asyncio.create_task(slow.append(STREAM, [slow_event()]))
            await until(gate.held)
            later = [
                asyncio.create_task(store.append(stream, [some_event(number)]))
                for store in others
                for stream in (STREAM, "thing-2", "other")
            ]
            await until(lambda: waiting(gate))
            await looked_again(followers)
            assert not any(task.done() for task in (late, *later))
            await gate.open()
            first = await late
            assert all(task.position > first.position for task in await asyncio.gather(*later))
    assert await gone_astray(slow, followers) == set()
    check_order(await all_of(slow))


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_a_slow_append_that_is_rolled_back_leaves_no_gap(
    postgres_url: str, opened: Open
) -> None:
    """Its position goes to the next; nobody has seen it, and nobody waits for it."""
    slow, other, reading = [await opened(postgres_url) for _ in range(3)]
    await slow.append(STREAM, [some_event()])
    async with (
        connected(postgres_url) as administrator,
        gate_at(postgres_url) as gate,
        followed([reading]) as followers,
    ):
        await gate.close()
        late = asyncio.create_task(slow.append(STREAM, [slow_event()]))
        await until(gate.held)
        later = asyncio.create_task(other.append("thing-2", [some_event()]))
        await until(gate.behind)
        await looked_again(followers)
        (pid,) = await gate.held()
        await administrator.execute("SELECT pg_cancel_backend($1)", pid)
        with pytest.raises(StoreUnavailable, match="Nothing was stored"):
            await late
        assert (await later).position == 2
        await gate.open()
    assert await gone_astray(slow, followers) == set()


async def test_these_followers_would_notice_positions_from_a_sequence(
    postgres_url: str, opened: Open
) -> None:
    """The tests above can fail: a store made as most are hides an event on every path."""
    slow, other, reading = [await opened(postgres_url) for _ in range(3)]
    await slow.append(STREAM, [some_event()])
    async with connected(postgres_url) as administrator:
        await administrator.execute(WITH_A_SEQUENCE)
        for name in ("append", "append_each"):
            body = await administrator.fetchval(
                "SELECT pg_get_functiondef(oid) FROM pg_proc"
                " WHERE proname = $1 AND pronamespace = 'backstory'::regnamespace",
                name,
            )
            await administrator.execute(body.replace("PERFORM FROM store FOR UPDATE;", ""))
    async with gate_at(postgres_url) as gate, followed([reading]) as followers:
        await gate.close()
        late = asyncio.create_task(slow.append(STREAM, [slow_event()]))
        await until(gate.held)
        await other.append("thing-2", [some_event()])
        await looked_again(followers)
        await gate.open()
        await late
    astray = await gone_astray(slow, followers)
    assert astray >= {name for name, (query, _) in PATHS.items() if query.stream is None}
