"""From a moment to the one position it names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.core.errors import MomentNotFound
from backstory.core.events import CORRELATION, NewEvent
from backstory.core.read import Read
from backstory.stores.memory import MemoryStore
from backstory.timemachine.locating import Located, locate
from backstory.timemachine.moment import (
    AtCorrelation,
    AtEvent,
    AtHead,
    AtPosition,
    AtRevision,
    AtTime,
    Moment,
)

START = datetime(2026, 11, 23, tzinfo=UTC)


async def store_at(offsets: list[int], **metadata: object) -> MemoryStore:
    """Return a store with one event at each of *offsets*, in seconds after `START`."""
    times = iter([START + timedelta(seconds=offset) for offset in offsets])
    store = MemoryStore(clock=lambda: next(times, START))
    for number in range(len(offsets)):
        event = NewEvent.of("counted", number, metadata=metadata or None)
        await store.append(f"thing-{number % 2}", [event])
    return store


async def found(store: MemoryStore, moment: Moment) -> int:
    """Return the position of *moment*."""
    return (await locate(store, moment)).position


@given(
    offsets=st.lists(st.integers(0, 12), max_size=40).map(sorted),
    second=st.integers(-1, 13),
)
async def test_a_time_names_what_was_recorded_up_to_then(offsets: list[int], second: int) -> None:
    """The prefix is the one that counting would give, however many share a time."""
    store = await store_at(offsets)
    moment = AtTime(START + timedelta(seconds=second))
    assert await found(store, moment) == sum(offset <= second for offset in offsets)
    await store.close()


async def test_a_time_is_found_in_few_reads() -> None:
    """A store of a million events answers at once."""
    store = await store_at(list(range(1_000)))
    reads = 0
    read = store.read

    async def counted(query: Read) -> object:
        nonlocal reads
        reads += 1
        return await read(query)

    store.read = counted  # type: ignore[method-assign, assignment]  # counts, and does the same
    assert await found(store, AtTime(START + timedelta(seconds=617))) == 618
    assert reads <= 12
    await store.close()


async def test_each_form_finds_its_event() -> None:
    """All of them name the same place here."""
    store = await store_at([0, 1, 2, 3])
    event = (await store.read(Read(after=2, limit=1)))[0]
    for moment in (
        AtPosition(3),
        AtEvent(event.id),
        AtRevision("thing-0", 1),
        AtTime(event.recorded_at),
    ):
        assert await locate(store, moment) == Located(3, event)
    assert await found(store, AtHead()) == 4
    assert await locate(store, AtPosition(0)) == Located(0, None)
    await store.close()


async def test_the_events_around_are_shown_in_order() -> None:
    """Who gives a time wants to see whether it is the right one."""
    store = await store_at([0, 1, 2, 3, 4, 5])
    located = await locate(store, AtPosition(3), around=2)
    assert [event.position for event in located.before] == [1, 2]
    assert [event.position for event in located.after] == [4, 5]
    start = await locate(store, AtPosition(0), around=2)
    assert [event.position for event in start.after] == [1, 2]
    await store.close()


@pytest.mark.parametrize("written", ["abc", 'a"b\\c', "ä-1", "\U0001f600"])
async def test_a_correlation_id_is_found_however_it_is_written(written: str) -> None:
    """Other writers escape letters in JSON that we do not."""
    store = await store_at([0], **{CORRELATION: written})
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in written)
    raw = f'{{"{CORRELATION}": "{escaped}"}}'.encode()
    await store.append("thing-x", [NewEvent("counted", b"1", raw)])
    await store.append("thing-x", [NewEvent.of("counted", written)])
    assert await found(store, AtCorrelation(written)) == 2
    await store.close()


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (AtPosition(5), "ends at position 4"),
        (AtRevision("thing-0", 2), "it ends at 1"),
        (AtRevision("thing-7", 0), "no such stream"),
        (AtEvent(uuid4()), "right store"),
        (AtCorrelation("nothing"), "right store"),
    ],
)
async def test_what_is_not_there_is_said(moment: Moment, words: str) -> None:
    """Never the nearest thing in its place."""
    store = await store_at([0, 1, 2, 3])
    with pytest.raises(MomentNotFound, match=words):
        await locate(store, moment)
    await store.close()


async def test_an_empty_store_has_one_moment() -> None:
    """Before anything happened."""
    store = MemoryStore()
    assert await locate(store, AtHead(), around=3) == Located(0, None)
    assert await locate(store, AtTime(START)) == Located(0, None)
    await store.close()
