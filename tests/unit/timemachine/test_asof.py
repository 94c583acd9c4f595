"""Read models as of a moment: those that there would have been, row for row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert

from backstory.application import Application
from backstory.core.errors import CheckpointAhead
from backstory.core.events import NewEvent, RecordedEvent
from backstory.core.history import History
from backstory.core.read import Read
from backstory.core.schema import EventType, Schema
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import as_of, project
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Noted,
    Renamed,
    append,
    join_all,
    members_of,
    members_projection,
    schema,
    steady_clock,
)
from tests.unit.timemachine.conftest import OpenModel

Row: TypeAlias = tuple[int, str, str, datetime, datetime, int]


def with_last_name(data: dict[str, object]) -> dict[str, object]:
    """Read renamings of the first version, which left the last name out."""
    return {**data, "full_name": f"{data['full_name']} Doe"}


UPCASTING = Schema(
    EventType("joined", Joined),
    EventType("renamed", Renamed, version=2, upcasters={1: with_last_name}),
    EventType("left", Left),
    EventType("noted", Noted),
)
APPLICATION = Application(name="club", schema=UPCASTING, projections=(members_projection(),))

names = st.sampled_from(["ann", "bob", "cleo"])
old_renaming = st.builds(
    lambda name: NewEvent.of("renamed", {"name": name, "full_name": name.upper()}), names
)
happenings = st.one_of(
    st.builds(lambda name: UPCASTING.encode(Renamed(name, name.title())), names),
    old_renaming,
    st.builds(lambda: UPCASTING.encode(Noted("rain"))),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, NewEvent]]:
    """Return events with their streams; members join, are renamed, leave and join again."""
    there: set[str] = set()
    found = []
    for _ in range(draw(st.integers(1, 8))):
        name = draw(names)
        event = draw(happenings)
        if draw(st.booleans()):
            event = UPCASTING.encode(Left(name) if name in there else Joined(name, START))
            there ^= {name}
        found.append((f"member-{name}", event))
    return found


async def stored(history: Sequence[tuple[str, NewEvent]]) -> MemoryStore:
    """Return a store of *history*."""
    store = MemoryStore(clock=steady_clock())
    for stream, event in history:
        await store.append(stream, [event])
    return store


def rows_after(history: Sequence[tuple[str, NewEvent]], recorded: Sequence[datetime]) -> list[Row]:
    """Return the rows that ought to be there: the projection, written once more in plain Python."""
    rows: dict[str, Row] = {}
    for (_, event), at in zip(history, recorded, strict=True):
        data = cast("dict[str, str]", msgspec.json.decode(event.data))
        if event.type == "joined":
            name = data["name"]
            number = max((row[0] for row in rows.values()), default=0) + 1
            rows[name] = (number, name, name.title(), START, at, 0)
        elif event.type == "left":
            del rows[data["name"]]
        elif event.type == "renamed" and data["name"] in rows:
            number, name, _, joined, first, renamed = rows[data["name"]]
            last = "" if b"$schemaVersion" in event.metadata else " Doe"
            rows[name] = (number, name, data["full_name"] + last, joined, first, renamed + 1)
    return sorted(rows.values())


@settings(deadline=None, max_examples=15)
@given(history=histories(), data=st.data())
async def test_it_is_what_the_events_say_at_every_position(
    history: list[tuple[str, NewEvent]], data: st.DataObject
) -> None:
    """With snapshots taken anywhere and without any, with upcasters."""
    store = await stored(history)
    recorded = [event.recorded_at for event in await store.read(Read())]
    taken_at = data.draw(st.sets(st.integers(1, len(history)), max_size=3))
    without = data.draw(st.integers(0, len(history)))
    with TemporaryDirectory() as place:
        folder = Folder(place)
        rolling = await ReadModel.open("memory:")
        for at in sorted(taken_at):
            await project(APPLICATION, History(store, at), rolling)
            await take_snapshot(APPLICATION, store, rolling, folder)
        await rolling.close()
        ways = [(position, folder) for position in range(len(history) + 1)]
        for position, snapshots in (*ways, (without, None)):
            model = await ReadModel.open("memory:")
            await as_of(APPLICATION, History(store, position), model, snapshots=snapshots)
            wanted = rows_after(history[:position], recorded[:position])
            assert await members_of(model) == wanted
            await model.close()
    await store.close()


async def test_a_snapshot_is_begun_with_and_told_of(
    store: MemoryStore, open_model: OpenModel, tmp_path: Path
) -> None:
    """On each engine; and the answer says what was done, because that is what is doubted first."""
    folder = Folder(str(tmp_path / "snapshots"))
    end = await join_all(store, ["ann", "bob", "cleo", "dan"])
    live = await open_model()
    await project(APPLICATION, History(store, 2), live)
    await take_snapshot(APPLICATION, store, live, folder)
    told: list[tuple[str, int]] = []
    model = await open_model()
    found = await as_of(
        APPLICATION,
        History(store, end),
        model,
        snapshots=folder,
        tell=lambda name, position: told.append((name, position)),
    )
    assert (found.position, found.snapshot, found.anew) == (end, 2, {})
    assert [stand.position for stand in found.stands] == [end]
    assert told[-1] == ("members", end)
    await project(APPLICATION, History(store, end), live)
    assert await members_of(model) == await members_of(live)


async def test_going_on_to_a_later_moment_costs_only_what_is_between(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """A session moves through the log; it does not begin anew each time."""
    end = await join_all(store, ["ann", "bob", "cleo", "dan"])
    model = await open_model()
    await project(APPLICATION, History(store, 3), model)
    reads: list[Read] = []

    class Watched(History):
        async def read(self, query: Read) -> Sequence[object]:  # type: ignore[override]  # counts the reads
            reads.append(query)
            return await super().read(query)

    await project(APPLICATION, Watched(store, end), model)
    assert [query.after for query in reads] == [3]
    with pytest.raises(CheckpointAhead):
        await project(APPLICATION, History(store, 2), model)
    assert len(await members_of(model)) == 4


async def test_a_projection_that_lagged_is_shown_as_it_was(
    store: MemoryStore, open_model: OpenModel, tmp_path: Path
) -> None:
    """What the command read was the read model of that moment, not an ideal one."""
    folder = Folder(str(tmp_path / "snapshots"))
    end = await join_all(store, ["ann", "bob", "cleo", "dan"])
    ahead = await open_model()
    for at in (1, 3):
        await project(APPLICATION, History(store, at), ahead)
        await take_snapshot(APPLICATION, store, ahead, folder)
    model = await open_model()
    found = await as_of(
        APPLICATION, History(store, end), model, snapshots=folder, behind={"members": 2}
    )
    assert (found.snapshot, found.stands[0].position) == (1, 2)
    assert len(await members_of(model)) == 2


async def test_a_projection_that_fails_stands_still_as_the_live_one_did(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """The others are shown as of the moment, and the guilty event is named."""
    await append(store, "member-ann", Joined("ann", START), Joined("ann", START))
    end = await append(store, "member-bob", Joined("bob", START))
    arrivals = Projection("arrivals", tables=[Table("arrival", MetaData(), *_arrival())])

    @arrivals.on(Joined)
    def joined(_: Joined, recorded: RecordedEvent) -> Iterator[Write]:
        yield insert(arrivals.tables[0]), {"position": recorded.position}

    application = Application(
        name="club", schema=schema, projections=(members_projection(), arrivals)
    )
    failed, well = (await as_of(application, History(store, end), await open_model())).stands
    assert (failed.projection, failed.position) == ("members", 1)
    assert "position 2" in str(failed.failure)
    assert (well.projection, well.position, well.failure) == ("arrivals", end, None)


def _arrival() -> list[Column[int]]:
    return [Column("position", Integer, primary_key=True, autoincrement=False)]
