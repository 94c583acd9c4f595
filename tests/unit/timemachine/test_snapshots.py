"""Snapshots of read models: what goes in comes out, or it is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backstory.application import Application
from backstory.core.errors import InvalidSetting, SnapshotDamaged, SnapshotRefused
from backstory.core.events import RecordedEvent
from backstory.core.history import History
from backstory.core.schema import EventType, Schema
from backstory.projections.parked_table import list_parked
from backstory.projections.policy import Park
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import project
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.restoring import nearest, restore
from backstory.timemachine.snapshots.taking import take_snapshot
from tests.unit.projections.members import (
    START,
    Joined,
    Left,
    Noted,
    Renamed,
    append,
    insert_member,
    join_all,
    member_table,
    members_of,
    members_projection,
    schema,
)
from tests.unit.timemachine.conftest import OpenModel

APPLICATION = Application(name="club", schema=schema, projections=(members_projection(),))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty folder of snapshots."""
    return Folder(str(tmp_path / "snapshots"))


async def brought(
    model: ReadModel, store: MemoryStore, until: int, application: Application = APPLICATION
) -> ReadModel:
    """Bring *model* to *until* and return it."""
    [stand] = await project(application, History(store, until), model)
    assert (stand.position, stand.failure) == (until, None)
    return model


async def test_what_was_taken_comes_back_and_goes_on(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """Rows, checkpoint and the numbers of rows to come are those of the model it was taken of."""
    await join_all(store, ["ann", "bob", "cleo", "dan"])
    await append(store, "member-bob", Renamed("bob", "Bob B."))
    at = await append(store, "member-dan", Left("dan"))
    taken = await brought(await open_model(), store, at)
    manifest = await take_snapshot(APPLICATION, store, taken, folder)
    assert (manifest.position, folder.positions()) == (at, [at])
    assert manifest.projections[0].tables[0].rows == 3

    fresh = await open_model()
    assert await nearest(folder, History(store, at)) == manifest
    assert await restore(manifest, APPLICATION, folder, fresh) == {}
    assert await members_of(fresh) == await members_of(taken)
    assert await fresh.checkpoint("members") == at

    end = await join_all(store, ["eve", "flo"])
    await brought(taken, store, end)
    await brought(fresh, store, end)
    assert await members_of(fresh) == await members_of(taken)
    assert len(await members_of(fresh)) == 5


def _parking() -> Projection:
    projection = members_projection()
    projection.on_failure = Park()
    return projection


async def test_parked_events_are_part_of_it(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """A stream that waits behind a parked event must go on waiting."""
    application = Application(name="club", schema=schema, projections=(_parking(),))
    await append(store, "member-ann", Joined("ann", START), Joined("ann", START))
    at = await append(store, "member-ann", Renamed("ann", "Ann A."))
    taken = await brought(await open_model(), store, at, application)
    manifest = await take_snapshot(application, store, taken, folder)
    fresh = await open_model()
    await restore(manifest, application, folder, fresh)
    parked = await list_parked(fresh, "members", limit=9)
    assert [event.position for event in parked] == [2, 3]
    assert parked == await list_parked(taken, "members", limit=9)
    end = await append(store, "member-ann", Renamed("ann", "Ann B."))
    [stand] = await project(application, History(store, end), fresh)
    assert stand.parked == 3


async def test_a_projection_whose_code_changed_begins_anew_and_the_reason_is_said(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """Rows that other code wrote would show a past that this code never had."""
    at = await join_all(store, ["ann", "bob"])
    taken = await brought(await open_model(), store, at)
    manifest = await take_snapshot(APPLICATION, store, taken, folder)

    changed = Projection("members", tables=[member_table])

    @changed.on(Joined)
    def joined(event: Joined, _: RecordedEvent) -> Iterator[Write]:
        yield insert_member, {"name": event.name}

    added = members_projection("added")
    application = Application(name="club", schema=schema, projections=(changed, added))
    fresh = await open_model()
    reasons = await restore(manifest, application, folder, fresh)
    assert reasons == {
        "members": "its handlers or tables have changed since",
        "added": "it is not in the snapshot",
    }
    assert await fresh.checkpoint("members") == 0


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        (
            lambda: (
                EventType("joined", Joined, version=2, upcasters={1: dict}),
                *schema.types[1:],
            ),
            "upcasters",
        ),
        (
            lambda: (EventType("joined", Joined, formerly=("enrolled",)), *schema.types[1:]),
            "upcasters",
        ),
        (lambda: (*schema.types[:3], EventType("remarked", Noted)), None),
    ],
    ids=["an upcaster", "an old name", "a type that it does not follow"],
)
async def test_it_depends_on_the_events_that_are_followed(
    store: MemoryStore,
    open_model: OpenModel,
    folder: Folder,
    types: Callable[[], tuple[EventType, ...]],
    reason: str | None,
) -> None:
    """An upcaster changes what old events mean; an unrelated type changes nothing."""
    at = await join_all(store, ["ann"])
    taken = await brought(await open_model(), store, at)
    manifest = await take_snapshot(APPLICATION, store, taken, folder)
    application = Application(
        name="club", schema=Schema(*types()), projections=(members_projection(),)
    )
    reasons = await restore(manifest, application, folder, await open_model())
    assert set(reasons) == ({"members"} if reason else set())
    assert (reason or "") in reasons.get("members", "")


@pytest.mark.parametrize("damage", ["edited", "cut", "gone"])
async def test_a_damaged_file_is_refused_and_nothing_is_filled(
    store: MemoryStore, open_model: OpenModel, folder: Folder, damage: str
) -> None:
    """Half a snapshot is a wrong past."""
    at = await join_all(store, ["ann", "bob"])
    taken = await brought(await open_model(), store, at)
    manifest = await take_snapshot(APPLICATION, store, taken, folder)
    [file] = Path(folder.url).glob("*/0-0.rows")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-3] if damage == "cut" else content.replace(b"ann", b"eve"))
    fresh = await open_model()
    with pytest.raises(SnapshotDamaged, match="take the snapshot again"):
        await restore(manifest, APPLICATION, folder, fresh)
    assert await fresh.checkpoint("members") == 0
    assert await members_of(fresh) == []


async def test_a_manifest_that_is_none_is_refused(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """Somebody else's files may lie there, or those of a newer version."""
    at = await join_all(store, ["ann", "bob"])
    taken = await brought(await open_model(), store, at)
    await take_snapshot(APPLICATION, store, taken, folder)
    [path] = Path(folder.url).glob("*/manifest.json")
    good = path.read_bytes()
    for bad in (b"", good[:-9], good.replace(b'"format": 1', b'"format": 2')):
        path.write_bytes(bad)
        with pytest.raises(SnapshotDamaged, match=r"manifest\.json"):
            await nearest(folder, History(store, at))
    path.write_bytes(good)
    path.parent.rename(path.parent.with_name(f"{1:020}"))
    with pytest.raises(SnapshotDamaged, match="moved"):
        await nearest(folder, History(store, at))


async def test_the_nearest_before_the_moment_of_the_same_log_is_taken(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """A later one knows too much; one of another log knows other things."""
    end = await join_all(store, ["ann", "bob", "cleo", "dan"])
    model = await open_model()
    for at in (2, 3):
        await brought(model, store, at)
        await take_snapshot(APPLICATION, store, model, folder)
    found = [await nearest(folder, History(store, until)) for until in (1, 2, 3, end)]
    assert [None if each is None else each.position for each in found] == [None, 2, 3, 3]
    other = MemoryStore()
    await join_all(other, ["ann", "bob", "cleo"])
    assert await nearest(folder, History(other, 3)) is None
    assert await nearest(Folder(f"{folder.url}/nowhere"), History(store, end)) is None
    await other.close()


async def test_the_remains_of_one_that_was_cut_short_are_not_there(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """The manifest is written last."""
    at = await join_all(store, ["ann"])
    model = await brought(await open_model(), store, at)
    await take_snapshot(APPLICATION, store, model, folder)
    [path] = Path(folder.url).glob("*/manifest.json")
    path.unlink()
    assert folder.positions() == []
    assert (await take_snapshot(APPLICATION, store, model, folder)).position == at
    assert folder.positions() == [at]


async def test_there_is_nothing_to_take_of_an_empty_model_or_anothers(
    store: MemoryStore, open_model: OpenModel, folder: Folder
) -> None:
    """A snapshot belongs to a log; without one nobody could say of when it is."""
    model = await open_model()
    with pytest.raises(SnapshotRefused, match="nothing to take"):
        await take_snapshot(APPLICATION, store, model, folder)
    await brought(model, store, await join_all(store, ["ann"]))
    other = MemoryStore()
    with pytest.raises(SnapshotRefused, match="does not hold"):
        await take_snapshot(APPLICATION, other, model, folder)
    assert folder.positions() == ()
    await other.close()


@pytest.mark.parametrize("url", ["s4://bucket/x", "nothing://x"])
def test_a_place_that_nobody_knows_is_refused(url: str) -> None:
    """The address names a library that may not be there."""
    with pytest.raises(InvalidSetting, match="cannot be kept"):
        Folder(url)


async def test_they_may_be_kept_wherever_fsspec_reaches(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """A bucket has no directories and no renaming."""
    folder = Folder("memory://snapshots/club")
    at = await join_all(store, ["ann", "bob"])
    taken = await brought(await open_model(), store, at)
    manifest = await take_snapshot(APPLICATION, store, taken, folder)
    fresh = await open_model()
    assert await nearest(folder, History(store, at)) == manifest
    await restore(manifest, APPLICATION, folder, fresh)
    assert await members_of(fresh) == await members_of(taken)
    folder.remove(at)
    assert folder.positions() == []
