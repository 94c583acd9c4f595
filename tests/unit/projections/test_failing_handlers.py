from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from backstory.core.errors import HandlerFailed, StoreDamaged
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.read import Read
from backstory.projections.advancing import Advance
from backstory.projections.applying import Applier
from backstory.projections.batch import Handling
from backstory.projections.parked import ParkedEvents, Retried
from backstory.projections.partitions import Partition
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.statements import Plans
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    START,
    Noted,
    Renamed,
    append,
    insert_member,
    join_all,
    member_table,
    members_projection,
    names_of,
    schema,
    worker_of,
)

PRIVATE = "0049-555-123"


class Broken:
    """A projection of members whose handler of notes fails while `fails` says so."""

    def __init__(self) -> None:
        """Make the projection, failing."""
        self.fails = True
        self.projection = members_projection()
        self.projection.on(Noted)(self.noted)

    def noted(self, event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
        """Fail, or insert."""
        if self.fails and event.text == "bad":
            raise LookupError(event.text)  # THE LINE
        yield insert_member, _row(event.text, recorded)


def _row(name: str, recorded: RecordedEvent) -> dict[str, object]:
    when = recorded.recorded_at
    return {"name": name, "full_name": name, "joined_at": START, "recorded_at": when, "renamed": 0}


def _line(mark: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.endswith(mark))


def _parking(store: MemoryStore, read_model: ReadModel, projection: Projection) -> Worker:
    return Worker(
        projection, schema=schema, store=store, read_model=read_model, on_failure=Park(), page=10
    )


def _parked(store: MemoryStore, read_model: ReadModel, projection: Projection) -> ParkedEvents:
    return ParkedEvents(projection, schema=schema, store=store, read_model=read_model)


async def test_stopping_names_the_event_and_the_line_of_the_handler(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Whoever reads the error knows where to look, in the log and in the code."""
    await join_all(store, ["ann"])
    await append(store, "note-1", Noted("good"), Noted("bad"), Noted("later"))
    worker = worker_of(store, read_model, Broken().projection)
    with pytest.raises(HandlerFailed) as caught:
        await worker.catch_up()
    error = caught.value
    assert error.place == "'note-1' revision 1, position 3"
    assert error.handler == f"{__file__}:{_line('# THE LINE')} (noted)"
    assert error.reason == "LookupError: bad"
    assert isinstance(error.__cause__, LookupError)
    assert worker.status.failure is not None


async def test_everything_before_the_guilty_event_is_applied_and_nothing_after(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The batch is rolled back as a whole, and redone up to the event."""
    broken = Broken()
    await append(store, "note-1", Noted("one"), Noted("two"), Noted("bad"), Noted("four"))
    worker = worker_of(store, read_model, broken.projection)
    for _ in range(2):
        with pytest.raises(HandlerFailed):
            await worker.catch_up()
        assert await names_of(read_model) == ["one", "two"]
        assert await read_model.checkpoint("members") == 2
        assert worker.status.position == 2
    broken.fails = False
    await worker.catch_up()
    assert await names_of(read_model) == ["one", "two", "bad", "four"]


async def test_a_write_the_database_refuses_is_the_fault_of_the_line_that_yielded_it(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The event is known exactly although its write was joined with many others."""
    projection = members_projection()

    @projection.on(Noted)
    def twice(event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
        yield insert_member, _row(event.text, recorded)
        yield insert_member, _row("same", recorded)  # SECOND YIELD

    await join_all(store, ["ann", "bob"])
    await append(store, "note-1", Noted("first"), Noted("second"), Noted("third"))
    with pytest.raises(HandlerFailed, match=r"(?i)unique constraint") as caught:
        await worker_of(store, read_model, projection).catch_up()
    assert caught.value.place == "'note-1' revision 1, position 4"
    assert caught.value.handler.endswith(f":{_line('# SECOND YIELD')} (twice)")
    assert await names_of(read_model) == ["ann", "bob", "first", "same"]


async def test_a_refused_write_does_not_carry_its_values_into_the_error(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Errors go to logs and into the parked table; personal data must not go with them."""
    projection = Projection("members", tables=[member_table])

    @projection.on(Noted, reads=True)
    def clash(event: Noted, recorded: RecordedEvent, connection: Connection) -> None:
        for _ in range(2):
            connection.execute(insert_member, _row(event.text, recorded))

    @projection.on(Renamed)
    def clash_too(event: Renamed, recorded: RecordedEvent) -> Iterator[Write]:
        for _ in range(2):
            yield insert_member, _row(event.full_name, recorded)

    await append(store, "note-1", Noted(PRIVATE))
    await append(store, "note-2", Renamed("x", PRIVATE))
    worker = _parking(store, read_model, projection)
    await worker.catch_up()
    found = await _parked(store, read_model, projection).list()
    assert len(found) == 2
    for parked in found:
        assert "unique constraint" in parked.error.lower()
        assert PRIVATE not in parked.error + parked.traceback


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "returned None"),
        (["no statement"], "not str"),
        ([(insert_member, {"nonsense": 1})], "nonsense"),
        ([(insert_member,)], "unpack"),
    ],
    ids=["nothing", "no statement", "a column there is not", "half a pair"],
)
async def test_a_handler_that_yields_nonsense_is_named(
    store: MemoryStore, read_model: ReadModel, returned: object, reason: str
) -> None:
    """A forgotten yield or a wrong column is the handler's failure like any other."""
    projection = Projection("members", tables=[member_table])

    def handler(_event: Noted, _recorded: RecordedEvent) -> object:
        return returned

    projection.on(Noted)(handler)  # type: ignore[arg-type] # what is refused
    await append(store, "note-1", Noted("x"))
    with pytest.raises(HandlerFailed, match=reason) as caught:
        await worker_of(store, read_model, projection).catch_up()
    assert "test_failing_handlers.py" in caught.value.handler


async def test_a_batch_that_covers_more_than_its_events_moves_the_checkpoint_all_the_way(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Also when it has to be applied one event at a time."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"), Noted("behind"))
    plans = Plans(read_model.database.engine.dialect)
    handling = Handling(broken.projection, schema, plans)
    await read_model.prepare(broken.projection)
    advance = Advance(Partition("members"), read_model, None)
    await asyncio.to_thread(advance.start)
    events = await store.read(Read())
    await asyncio.to_thread(Applier(advance, handling, Park()).apply, events, 9)
    assert (advance.position, advance.parked) == (9, 2)
    assert await read_model.checkpoint("members") == 9


async def test_an_event_that_cannot_be_decoded_stops_the_projection(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """It is the failure of that event, with its place, and not the end of the worker's words."""
    await store.append("member-x", [NewEvent.of("joined", {"name": 5})])
    with pytest.raises(HandlerFailed, match=r"UndecodableEvent.*member-x"):
        await worker_of(store, read_model).catch_up()


async def test_parking_sets_the_event_aside_and_goes_on(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The event is in the table with its error, counted, and all other streams are applied."""
    broken = Broken()
    await join_all(store, ["ann"])
    await append(store, "note-1", Noted("bad"))
    await join_all(store, ["bob"])
    worker = _parking(store, read_model, broken.projection)
    assert await worker.catch_up() == 3
    assert await names_of(read_model) == ["ann", "bob"]
    assert worker.status.parked == 1
    (parked,) = await _parked(store, read_model, broken.projection).list()
    event = (await store.read(Read(stream="note-1")))[0]
    assert (parked.position, parked.stream, parked.revision) == (2, "note-1", 0)
    assert (parked.type, parked.event_id, parked.attempts) == ("noted", str(event.id), 1)
    assert re.search(r"LookupError: '?bad'?, in .*:\d+ \(noted\)", parked.error)
    assert "# THE LINE" in parked.traceback


async def test_later_events_of_a_parked_stream_are_parked_behind_it_in_order(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Order within a stream is kept: in the same page, in later pages, and after a restart."""
    broken = Broken()
    await append(store, "note-1", Noted("before"), Noted("bad"), Noted("behind 1"))
    await append(store, "note-2", Noted("elsewhere"))
    await _parking(store, read_model, broken.projection).catch_up()
    await append(store, "note-1", Noted("behind 2"))
    await append(store, "note-2", Noted("elsewhere 2"))
    worker = _parking(store, read_model, broken.projection)
    assert await worker.catch_up() == 6
    assert worker.status.parked == 3
    assert await names_of(read_model) == ["before", "elsewhere", "elsewhere 2"]
    listed = await _parked(store, read_model, broken.projection).list()
    assert [(event.position, event.attempts) for event in listed] == [(2, 1), (3, 0), (5, 0)]
    assert "waits behind" in listed[1].error


async def test_events_behind_a_parked_one_wait_whatever_the_policy_is_now(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Changing the policy back to Stop does not apply a stream out of order."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"))
    await _parking(store, read_model, broken.projection).catch_up()
    await append(store, "note-1", Noted("behind"))
    await worker_of(store, read_model, broken.projection).catch_up()
    assert await names_of(read_model) == []
    assert len(await _parked(store, read_model, broken.projection).list()) == 2


async def test_a_retry_applies_parked_events_in_order(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Once the handler is mended nothing is missing, and the stream flows again."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"), Noted("second"), Noted("third"))
    await append(store, "note-2", Noted("elsewhere"))
    worker = _parking(store, read_model, broken.projection)
    await worker.catch_up()
    broken.fails = False
    parked = _parked(store, read_model, broken.projection)
    assert await parked.retry() == Retried(applied=3, left=0)
    assert await names_of(read_model) == ["elsewhere", "bad", "second", "third"]
    await append(store, "note-1", Noted("fourth"))
    await worker.catch_up()
    assert (await names_of(read_model))[-1] == "fourth"
    assert worker.status.parked == 0


async def test_a_retry_that_fails_again_keeps_the_event_and_those_behind_it(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """The attempt is counted, nothing behind is applied, and other streams are tried as well."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"), Noted("behind"))
    await append(store, "note-2", Noted("bad"))
    await _parking(store, read_model, broken.projection).catch_up()
    parked = _parked(store, read_model, broken.projection)
    assert await parked.retry(stream="note-1") == Retried(applied=0, left=2)
    assert await parked.retry() == Retried(applied=0, left=3)
    assert [(event.stream, event.attempts) for event in await parked.list()] == [
        ("note-1", 3),
        ("note-1", 0),
        ("note-2", 2),
    ]
    assert await names_of(read_model) == []


async def test_two_who_retry_at_once_apply_each_event_once(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Two operators, or an operator and a script, do not get in each other's way."""
    broken, numbers = Broken(), count()
    projection = Projection("members", tables=[member_table])

    @projection.on(Noted)
    def noted(event: Noted, recorded: RecordedEvent) -> Iterator[Write]:
        if broken.fails:
            raise LookupError
        yield insert_member, _row(f"{event.text} {next(numbers)}", recorded)

    await append(store, "note-1", *(Noted(str(n)) for n in range(30)))
    await _parking(store, read_model, projection).catch_up()
    broken.fails = False
    both = [_parked(store, read_model, projection) for _ in range(2)]
    done = await asyncio.gather(*(parked.retry() for parked in both))
    assert sum(retried.applied for retried in done) == 30
    texts = [str(name).split()[0] for name in await names_of(read_model)]
    assert texts == [str(n) for n in range(30)]


async def test_purging_lets_events_go_one_by_one_by_stream_or_all(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Purging the guilty event alone frees those behind it for a retry."""
    broken = Broken()
    for stream in ("note-1", "note-2", "note-3"):
        await append(store, stream, Noted("bad"), Noted(f"behind in {stream}"))
    await _parking(store, read_model, broken.projection).catch_up()
    parked = _parked(store, read_model, broken.projection)
    assert await parked.purge(position=1) == 1
    assert await parked.retry(stream="note-1") == Retried(applied=1, left=0)
    assert await parked.purge(stream="note-2") == 2
    assert [event.stream for event in await parked.list()] == ["note-3", "note-3"]
    assert await parked.purge() == 2
    assert await parked.list() == []
    assert await names_of(read_model) == ["behind in note-1"]
    with pytest.raises(ValueError, match="not both"):
        await parked.purge(stream="note-1", position=1)


async def test_the_list_of_parked_events_is_read_in_pages(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """However many there are, a page is a page."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"), *(Noted(str(n)) for n in range(24)))
    await _parking(store, read_model, broken.projection).catch_up()
    parked = _parked(store, read_model, broken.projection)
    first = await parked.list(limit=20)
    rest = await parked.list(after=first[-1].position)
    assert [event.position for event in [*first, *rest]] == list(range(1, 26))
    assert len(await parked.list(stream="note-1", limit=7)) == 7


async def test_a_retry_from_a_store_without_the_event_says_so(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Another event at the same place must not be applied in its stead."""
    broken = Broken()
    await append(store, "note-1", Noted("bad"))
    await _parking(store, read_model, broken.projection).catch_up()
    other = MemoryStore()
    await append(other, "note-1", Noted("another event"))
    with pytest.raises(StoreDamaged, match="not in the store"):
        await _parked(other, read_model, broken.projection).retry()
    assert await names_of(read_model) == []


async def test_projections_park_for_themselves(store: MemoryStore, read_model: ReadModel) -> None:
    """A stream parked for one projection goes on for another in the same database."""
    broken = Broken()
    other = Projection("other", tables=[])
    seen: list[str] = []

    @other.on(Noted, reads=True)
    def see(event: Noted, _recorded: RecordedEvent, _connection: Connection) -> None:
        seen.append(event.text)

    await append(store, "note-1", Noted("bad"), Noted("behind"))
    await _parking(store, read_model, broken.projection).catch_up()
    await _parking(store, read_model, other).catch_up()
    assert seen == ["bad", "behind"]


async def test_a_failure_of_one_projection_rolls_back_what_a_reading_handler_wrote(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Half an event is never kept."""
    projection = members_projection()

    @projection.on(Noted, reads=True)
    def half(_event: Noted, recorded: RecordedEvent, connection: Connection) -> None:
        connection.execute(insert(member_table), _row("half", recorded))
        message = "after the write"
        raise RuntimeError(message)

    await append(store, "note-1", Noted("x"))
    worker = _parking(store, read_model, projection)
    await worker.catch_up()
    assert await names_of(read_model) == []
    assert worker.status.parked == 1
