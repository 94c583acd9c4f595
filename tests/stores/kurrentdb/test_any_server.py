"""What must hold on any server, ours or that of BACKSTORY_TEST_KURRENTDB, whatever it holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from kurrentdbclient import AsyncKurrentDBClient, StreamState
from kurrentdbclient import NewEvent as ClientsNewEvent
from kurrentdbclient.exceptions import InvalidCommitPositionError

from backstory import (
    NO_STREAM,
    EventStore,
    NewEvent,
    Read,
    RecordedEvent,
    WrongExpectedRevision,
    open_store,
)
from backstory.core.read import BACKWARDS
from backstory.core.retaining import StreamDeleted
from tests.services.eventstoredb.served import Served
from tests.unit.dashboard.conftest import serving

REAL = os.environ.get("BACKSTORY_TEST_KURRENTDB")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give the connection string of a server that others may use, too."""
    if REAL:
        yield REAL
        return
    server = Served()
    yield server.esdb
    server.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    """Give a store on it."""
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest.fixture
def category() -> str:
    """Give a category that nobody else has."""
    return f"c{uuid4().hex}"


def events(count: int, kind: str = "happened") -> list[NewEvent]:
    """Return new events."""
    return [NewEvent.of(kind, {"n": number}, metadata={"by": "us"}) for number in range(count)]


async def test_what_is_appended_is_read_back(store: EventStore, category: str) -> None:
    """With revisions from 0, growing positions, and its metadata."""
    batch = events(3)
    appended = await store.append(f"{category}-1", batch, expected=NO_STREAM)
    found = await store.read(Read(stream=f"{category}-1"))
    assert [e.revision for e in found] == [0, 1, 2]
    assert [e.id for e in found] == [e.id for e in batch]
    assert [e.meta() for e in found] == [{"by": "us"}] * 3
    positions = [e.position for e in found]
    assert positions == sorted(set(positions))
    assert (appended.revision, appended.position) == (2, positions[-1])
    assert await store.head() >= positions[-1]


@pytest.mark.parametrize("expected", [NO_STREAM, None])
async def test_a_repeated_append_is_answered_as_the_first_was(
    store: EventStore, category: str, expected: object
) -> None:
    """And writes nothing."""
    batch = events(2)
    how = {"expected": NO_STREAM} if expected is NO_STREAM else {}
    first = await store.append(f"{category}-1", batch, **how)
    again = await store.append(f"{category}-1", batch, **how)
    assert again == first
    assert len(await store.read(Read(stream=f"{category}-1"))) == 2


async def test_a_conflict_says_where_the_stream_ends(store: EventStore, category: str) -> None:
    """With the revision that is there."""
    await store.append(f"{category}-1", events(2))
    for expected, actual in ((NO_STREAM, 1), (7, 1)):
        with pytest.raises(WrongExpectedRevision) as raised:
            await store.append(f"{category}-1", events(1), expected=expected)
        assert raised.value.actual == actual


async def test_categories_and_types_are_read_along_the_log(
    store: EventStore, category: str
) -> None:
    """Both ways, page by page, between positions that have gaps."""
    for number in range(3):
        await store.append(f"{category}-{number}", events(2, kind=f"{category}.{number % 2}"))
        await store.append(f"other-{category}", events(1))
    query = Read(category=category, limit=2)
    found: list[RecordedEvent] = []
    while page := await store.read(query):
        found += page
        query = query.resume(page[-1].position)
    assert [(e.stream[-1], e.revision) for e in found] == [
        (str(n), revision) for n in range(3) for revision in range(2)
    ]
    back = await store.read(Read(category=category, direction=BACKWARDS))
    assert list(back) == found[::-1]
    until = found[3].position
    assert await store.read(Read(category=category, until=until)) == found[:4]
    backwards = Read(category=category, until=until, direction=BACKWARDS, limit=3)
    assert list(await store.read(backwards)) == found[3:0:-1]
    of_type = await store.read(Read(types=(f"{category}.0",)))
    assert [e.position for e in of_type] == [found[n].position for n in (0, 1, 4, 5)]


async def test_whoever_waits_is_woken(store: EventStore, category: str) -> None:
    """By an append of somebody else."""
    head = await store.head()
    waiting = asyncio.create_task(store.wait(head, 20))
    await asyncio.sleep(0.2)
    appended = await store.append(f"{category}-1", events(1))
    assert await waiting >= appended.position


async def test_what_is_no_json_comes_back_byte_by_byte(
    store: EventStore, url: str, category: str
) -> None:
    """Read by us, and appended again by us for others."""
    client = AsyncKurrentDBClient(url)
    odd = ClientsNewEvent(
        type="odd", data=b"\xff\x00", metadata=b"\xfe", content_type="application/octet-stream"
    )
    name = f"{category}-1"
    await client.append_to_stream(name, current_version=StreamState.ANY, events=[odd])
    [event] = await store.read(Read(stream=name))
    event.json()
    copy = NewEvent(event.type, event.data, event.metadata)
    await store.append(f"{category}-2", [copy])
    [copied] = await client.get_stream(f"{category}-2")
    assert (copied.data, copied.metadata) == (b"\xff\x00", b"\xfe")
    assert copied.content_type == "application/octet-stream"
    await client.close()


async def test_a_stream_that_ended_takes_nothing(
    store: EventStore, url: str, category: str
) -> None:
    """And holds nothing to be read."""
    name = f"{category}-1"
    await store.append(name, events(1))
    client = AsyncKurrentDBClient(url)
    await client.tombstone_stream(name, current_version=StreamState.ANY)
    await client.close()
    with pytest.raises(StreamDeleted):
        await store.append(name, events(1))
    assert list(await store.read(Read(stream=name))) == []


async def test_system_events_are_left_out_unless_they_are_named(
    store: EventStore, category: str
) -> None:
    """Metadata of streams, for one; otherwise every event of users is there."""
    appended = await store.append(f"{category}-1", events(1))
    await store.append(f"$${category}-1", [NewEvent.of("$metadata", {"$maxCount": 5})])
    last = await store.append(f"{category}-2", events(1))
    behind = await store.read(Read(after=appended.position - 1))
    assert not [e for e in behind if e.type == "$metadata"]
    assert last.position in {e.position for e in behind}
    assert len(await store.read(Read(stream=f"$${category}-1"))) == 1


async def test_its_pages_can_be_looked_at(store: EventStore, category: str) -> None:
    """What it cannot list is looked for within a time, and that is told."""
    await store.append(f"{category}-1", events(3))
    position = (await store.read(Read(stream=f"{category}-1")))[1].position
    async with serving(store) as http:
        for path in ("/", "/streams", "/events", f"/streams/{category}-1", "/types"):
            page = await http.get(path)
            assert page.status_code == 200, path
        shown = (await http.get(f"/events/{position}.json")).json()
        assert (shown["event"]["stream"], shown["event"]["revision"]) == (f"{category}-1", 1)
        found = (await http.get(f"/events.json?filter=category:{category}")).json()["events"]
        assert [row["revision"] for row in found] == [2, 1, 0]


async def test_a_position_at_which_no_event_begins_is_read_from_the_end_of_the_log(
    store: EventStore, category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers refuse it; ours does not, so the refusal is made here."""
    await store.append(f"{category}-1", events(4))
    found = await store.read(Read(category=category))
    read_all = AsyncKurrentDBClient.read_all

    async def refusing(self: AsyncKurrentDBClient, **how: object) -> object:
        if how["commit_position"] is not None:
            message = "Unexpected FilteredReadAllResult: InvalidPosition"
            raise InvalidCommitPositionError(message)
        return await read_all(self, **how)  # type: ignore[arg-type]  # by name

    monkeypatch.setattr(AsyncKurrentDBClient, "read_all", refusing)
    second, last = found[1].position, found[3].position
    assert list(await store.read(Read(category=category, after=second))) == found[2:]
    between = Read(category=category, until=last - 1, direction=BACKWARDS)
    assert list(await store.read(between)) == found[2::-1]
