"""Captures: what goes in comes out elsewhere, and what was cut or edited is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from backstory.application import Application
from backstory.core.errors import (
    CaptureDamaged,
    CaptureRefused,
    InvalidInput,
    InvalidSetting,
    StoreClosed,
)
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.read import Read
from backstory.core.store import EventStore
from backstory.projections.projection import Projection
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.stores.open import open_store
from backstory.timemachine.asof import project
from backstory.timemachine.captures.hashing import RangeHash
from backstory.timemachine.captures.manifest import KeptParked
from backstory.timemachine.captures.opening import is_capture, open_capture
from backstory.timemachine.captures.slice import Slice
from backstory.timemachine.captures.slices import Choice
from backstory.timemachine.captures.writing import Wanted, slice_since, write_capture
from backstory.timemachine.session import Session
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from backstory.timemachine.sources import open_source
from tests.unit.projections.members import (
    Renamed,
    append,
    join_all,
    member_table,
    members_of,
    members_projection,
    schema,
)
from tests.unit.timemachine.conftest import OpenModel

APPLICATION = Application(name="club", schema=schema, projections=(members_projection(),))
NAMES = ["ann", "bob", "cleo", "dan"]


async def everything(store: EventStore) -> Sequence[RecordedEvent]:
    """Return all events of *store*."""
    return await store.read(Read(limit=10_000))


async def captured(store: MemoryStore, path: Path, wanted: Wanted | None = None) -> str:
    """Write a capture of all that *store* holds; return its hash."""
    wanted = wanted or Wanted()
    history = History(store, await store.head(), origin="a club")
    return (await write_capture(APPLICATION, history, path, wanted)).sha256


async def test_a_capture_holds_the_events_as_they_were(store: MemoryStore, tmp_path: Path) -> None:
    """Positions, revisions, ids, times and bytes are those of the source, for any tool."""
    end = await join_all(store, NAMES)
    file = tmp_path / "bug.capture"
    sha256 = await captured(store, file)
    async with open_capture(file) as capture:
        assert await everything(capture.store) == await everything(store)
        assert (capture.sha256, capture.manifest.position) == (sha256, end)
        assert capture.manifest.range.source_sha256 == capture.manifest.range.sha256
        assert capture.manifest.origin == "a club"
    ordinary = await open_store(f"sqlite:///{file}?mode=ro")
    assert await everything(ordinary) == await everything(store)
    await ordinary.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (end,)


async def test_a_capture_ends_at_its_moment(store: MemoryStore, tmp_path: Path) -> None:
    """What came later is not in it."""
    await join_all(store, NAMES)
    file = tmp_path / "bug.capture"
    await write_capture(APPLICATION, History(store, 2), file, Wanted())
    async with open_source(str(file)) as source:
        assert [event.position for event in await everything(source.store)] == [1, 2]
        assert (source.at, source.origin) == (2, str(file))


@pytest.mark.parametrize("form", ["{}", "capture:///{}", "sqlite:///{}"])
async def test_a_capture_is_a_source_however_it_is_named(
    store: MemoryStore, tmp_path: Path, form: str
) -> None:
    """By its path, as a capture, or as the SQLite file that it is."""
    await join_all(store, NAMES)
    await captured(store, tmp_path / "bug.capture", Wanted(behind={"members": 3}))
    async with open_source(form.format(tmp_path / "bug.capture")) as source:
        assert source.behind == {"members": 3}
        assert await source.store.head() == 4
        async with Session(APPLICATION, History(source.store, 4), behind=source.behind) as session:
            assert len(await members_of(await session.at(4))) == 3


async def test_nothing_else_is_taken_for_a_capture(tmp_path: Path) -> None:
    """Neither a store, nor another program's database, nor what is not there."""
    store = await open_store(f"sqlite:///{tmp_path}/events.db")
    await store.close()
    (tmp_path / "text").write_text("a letter")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE capture (name)")
    for name in ("events.db", "text", "other.db", "nowhere"):
        assert not is_capture(tmp_path / name)
    for name in ("events.db", "text", "other.db"):
        with pytest.raises(CaptureDamaged):
            async with open_capture(tmp_path / name):
                pass
    with pytest.raises(InvalidSetting, match="there is no file"):
        async with open_capture(tmp_path / "nowhere"):
            pass


async def test_a_capture_that_was_cut_short_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    """At whichever byte the copying ended."""
    await join_all(store, NAMES)
    file, cut = tmp_path / "bug.capture", tmp_path / "cut.capture"
    await captured(store, file)
    whole = file.read_bytes()
    for length in (len(whole) // 16 * part for part in range(16)):
        cut.write_bytes(whole[:length])
        with pytest.raises(CaptureDamaged):
            async with open_capture(cut):
                pass


EDITS = {
    "data": "UPDATE events SET data = replace(data, 'bob', 'bop')",
    "metadata": """UPDATE events SET metadata = '{"a":1}' WHERE position = 2""",
    "time": "UPDATE events SET recorded_us = recorded_us + 1 WHERE position = 4",
    "stream": "UPDATE events SET stream = 'member-eve' WHERE position = 4",
    "type": "UPDATE kinds SET type = 'left'",
    "gone": "DELETE FROM events WHERE position = 4",
    "manifest": "UPDATE capture SET content = CAST(replace(CAST(content AS TEXT), 'club', 'klub') "
    "AS BLOB) WHERE name = 'manifest'",
    "no manifest": "DELETE FROM capture WHERE name = 'manifest'",
    "hash": "UPDATE capture SET content = CAST('00' AS BLOB) WHERE name = 'sha256'",
    "no hash": "DELETE FROM capture WHERE name = 'sha256'",
    "snapshot": "UPDATE capture_files SET content = zeroblob(9) WHERE name LIKE '%.rows'",
    "no snapshot": "DELETE FROM capture_files",
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_capture_that_was_edited_is_refused(
    store: MemoryStore, tmp_path: Path, edit: str
) -> None:
    """Nothing in it can be changed without its hashes telling."""
    folder = Folder(str(tmp_path / "snapshots"))
    end = await join_all(store, NAMES)
    model = await ReadModel.open(f"sqlite:///{tmp_path}/model.db")
    await project(APPLICATION, History(store, end), model)
    await take_snapshot(APPLICATION, store, model, folder)
    await model.close()
    file = tmp_path / "bug.capture"
    await captured(store, file, Wanted(snapshots=folder))
    async with open_capture(file):
        pass
    with closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(EDITS[edit]).rowcount > 0
    with pytest.raises(CaptureDamaged, match="again from where it was made"):
        async with open_capture(file):
            pass


async def test_a_capture_begins_with_its_snapshot(
    store: MemoryStore, open_model: OpenModel, tmp_path: Path
) -> None:
    """Going back in a recent slice gives every row, although most events are not there."""
    folder = Folder(str(tmp_path / "snapshots"))
    await join_all(store, NAMES)
    model = await open_model()
    await project(APPLICATION, History(store, 4), model)
    await take_snapshot(APPLICATION, store, model, folder)
    end = await append(store, "member-bob", Renamed("bob", "Bob B."))
    history = History(store, end)
    since = await slice_since(APPLICATION, history, folder)
    choice = Choice(slice=Slice.RECENT, since=since)
    file = tmp_path / "bug.capture"
    made = await write_capture(APPLICATION, history, file, Wanted(choice=choice, snapshots=folder))
    assert made.manifest.snapshot == since == 4
    async with open_source(str(file)) as source:
        assert [event.position for event in await everything(source.store)] == [2, 4, 5]
        there = History(source.store, end)
        async with Session(APPLICATION, there, snapshots=source.snapshots) as session:
            shown = await members_of(await session.at(end))
    await project(APPLICATION, history, model)
    assert shown == await members_of(model)


async def test_a_recent_slice_needs_a_snapshot(store: MemoryStore, tmp_path: Path) -> None:
    """Without one nothing says what there was before."""
    await join_all(store, NAMES)
    for folder in (None, Folder(str(tmp_path / "snapshots"))):
        with pytest.raises(CaptureRefused, match="backstory snapshot"):
            await slice_since(APPLICATION, History(store, 4), folder)


async def test_a_recent_slice_fits_the_snapshot_it_begins_with(
    store: MemoryStore, open_model: OpenModel, tmp_path: Path
) -> None:
    """One from before what a lagging projection had applied; none that it could not begin with."""
    folder = Folder(str(tmp_path / "snapshots"))
    await join_all(store, NAMES)
    model = await open_model()
    for at in (2, 4):
        await project(APPLICATION, History(store, at), model)
        await take_snapshot(APPLICATION, store, model, folder)
    assert await slice_since(APPLICATION, History(store, 4), folder) == 4
    assert await slice_since(APPLICATION, History(store, 4), folder, {"members": 3}) == 2
    with pytest.raises(CaptureRefused, match="backstory snapshot"):
        await slice_since(APPLICATION, History(store, 4), folder, {"members": 1})
    other = msgspec.structs.replace(
        APPLICATION, projections=(members_projection(), Projection("new", tables=[member_table]))
    )
    with pytest.raises(CaptureRefused, match="'new' cannot begin with the snapshot at position 4"):
        await slice_since(other, History(store, 4), folder)


async def test_a_related_slice_holds_whole_streams(store: MemoryStore, tmp_path: Path) -> None:
    """Of each stream in it everything up to the moment, of others nothing."""
    await join_all(store, NAMES)
    end = await append(store, "member-bob", Renamed("bob", "Bob B."))
    await append(store, "member-bob", Renamed("bob", "Bobby"))
    choice = Choice(slice=Slice.RELATED, streams=("member-bob", "member-dan", "member-nobody"))
    file = tmp_path / "bug.capture"
    await write_capture(APPLICATION, History(store, end), file, Wanted(choice=choice))
    async with open_capture(file) as capture:
        assert [event.position for event in await everything(capture.store)] == [2, 4, 5]
        assert (capture.manifest.range.events, capture.manifest.range.streams) == (3, 2)


async def test_a_category_joins_a_related_slice(store: MemoryStore, tmp_path: Path) -> None:
    """What the projections need beside the streams can be named; nothing is there twice."""
    await join_all(store, NAMES)
    choice = Choice(slice=Slice.RELATED, streams=("member-bob",), categories=("member", "member"))
    await captured(store, tmp_path / "bug.capture", Wanted(choice=choice))
    async with open_capture(tmp_path / "bug.capture") as capture:
        assert await everything(capture.store) == await everything(store)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(most=3),
        Choice(slice=Slice.RELATED, categories=("member",), most=3),
        Choice(slice=Slice.RELATED, streams=("member-nobody",)),
    ],
    ids=["all", "related", "none"],
)
async def test_a_slice_that_is_refused_leaves_no_file(
    store: MemoryStore, tmp_path: Path, choice: Choice
) -> None:
    """Too many events, or none: nothing is there afterwards."""
    await join_all(store, NAMES)
    with pytest.raises(CaptureRefused):
        await captured(store, tmp_path / "bug.capture", Wanted(choice=choice))
    assert list(tmp_path.iterdir()) == []


async def test_no_file_is_overwritten(store: MemoryStore, tmp_path: Path) -> None:
    """Neither one that was there, nor one that came meanwhile."""
    await join_all(store, NAMES)
    file = tmp_path / "bug.capture"
    file.write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        await captured(store, file)
    file.unlink()

    def meanwhile(_: int) -> None:
        file.write_text("precious")

    with pytest.raises(InvalidInput, match="exists already"):
        await write_capture(APPLICATION, History(store, 4), file, Wanted(), told=meanwhile)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["precious"]


async def test_a_source_that_fails_leaves_no_file(store: MemoryStore, tmp_path: Path) -> None:
    """A capture is complete, or it is not there."""

    class Failing(History):
        async def read(self, query: Read) -> Sequence[RecordedEvent]:
            if query.stream == "member-dan":
                raise StoreClosed
            return await super().read(query)

    await join_all(store, NAMES)
    choice = Choice(slice=Slice.RELATED, streams=("member-ann", "member-dan"))
    wanted = Wanted(choice=choice)
    with pytest.raises(StoreClosed):
        await write_capture(APPLICATION, Failing(store, 4), tmp_path / "bug.capture", wanted)
    assert list(tmp_path.iterdir()) == []


async def test_what_projections_had_parked_is_kept(store: MemoryStore, tmp_path: Path) -> None:
    """A capture tells what stood aside at the moment, and why."""
    await join_all(store, NAMES)
    parked = KeptParked(
        projection="members",
        position=2,
        stream="member-bob",
        type="joined",
        error="ValueError: no",
        attempts=3,
    )
    await captured(store, tmp_path / "bug.capture", Wanted(parked=[parked], target="club:app"))
    async with open_capture(tmp_path / "bug.capture") as capture:
        assert capture.manifest.parked == (parked,)
        assert capture.manifest.target == "club:app"
        assert capture.manifest.code.packages["msgspec"]


def test_a_range_hash_tells_every_field_apart() -> None:
    """Two histories that differ anywhere have two hashes, however they are cut into pages."""
    event = RecordedEvent(1, "a-b", 0, "t", b"{}", b"{}", bytes(16), 5)
    others = [
        msgspec.structs.replace(event, **change)
        for change in (
            {"position": 2},
            {"stream": "a-c"},
            {"revision": 1},
            {"type": "u"},
            {"data": b"[]"},
            {"metadata": b"[]"},
            {"id_bytes": bytes(15) + b"1"},
            {"recorded_us": 6},
        )
    ]

    def hashed(*pages: Sequence[RecordedEvent]) -> str:
        found = RangeHash()
        for page in pages:
            found.add(page)
        assert found.count == sum(map(len, pages))
        return found.hexadecimal

    assert len({hashed([one]) for one in [event, *others]}) == 9
    assert hashed([event, others[0]]) == hashed([event], [others[0]])
    assert hashed([event, others[0]]) != hashed([others[0], event])
