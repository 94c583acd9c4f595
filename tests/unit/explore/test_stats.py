from __future__ import annotations

from itertools import count

from backstory import EventStore, NewEvent, Read
from backstory.explore.counting import Counts, NameCount
from backstory.explore.stats import Stats, stats
from tests.unit.explore.members import join, pay


async def test_everything_is_counted_once(store: EventStore) -> None:
    """Events, streams, categories, types and bytes of the whole store."""
    await join(store, 3)
    await pay(store, 1)
    await store.append("club", [NewEvent.of("club-opened", {}, metadata={"by": "Eve"})])
    found = await stats(store, seconds=60)
    everything = await store.read(Read())
    assert found == Stats(
        head=5,
        first_recorded_at=everything[0].recorded_at,
        last_recorded_at=everything[-1].recorded_at,
        counted_to=5,
        complete=True,
        events=5,
        streams=4,
        payload_bytes=sum(len(event.data) + len(event.metadata) for event in everything),
        categories=Counts((NameCount("member", 4), NameCount("club", 1)), 0),
        types=Counts(
            (NameCount("member-joined", 3), NameCount("club-opened", 1), NameCount("fee-paid", 1)),
            0,
        ),
    )


async def test_an_empty_store_has_no_times(store: EventStore) -> None:
    """Nothing is counted, and that is complete."""
    found = await stats(store, seconds=60)
    assert (found.head, found.events, found.complete) == (0, 0, True)
    assert found.first_recorded_at is found.last_recorded_at is None


async def test_when_time_is_up_the_answer_says_how_far_it_reaches(store: EventStore) -> None:
    """A partial count that looks whole would be a lie."""
    await join(store, 12)
    hours = count(0, 3_600)
    found = await stats(store, page_size=5, seconds=1, monotonic=lambda: next(hours))
    assert not found.complete
    assert (found.counted_to, found.events, found.streams) == (5, 5, 5)
    assert found.head == 12
    assert found.last_recorded_at == (await store.read(Read(after=11)))[0].recorded_at


async def test_time_that_is_up_at_the_last_event_is_enough(store: EventStore) -> None:
    """All was counted: nothing is partial."""
    await join(store, 5)
    found = await stats(store, page_size=5, seconds=0)
    assert found.complete
    assert found.counted_to == 5


async def test_progress_is_told_page_by_page(store: EventStore) -> None:
    """Whoever waits sees how far it is."""
    await join(store, 12)
    told: list[int] = []
    await stats(store, page_size=5, seconds=60, on_progress=told.append)
    assert told == [5, 10, 12]
