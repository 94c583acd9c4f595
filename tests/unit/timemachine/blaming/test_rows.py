"""Blaming rows: the event and the very line that made a value, however it was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Table

from backstory.application import Application
from backstory.core.errors import InvalidSetting
from backstory.core.history import History
from backstory.projections.policy import Park, Stop
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import project
from backstory.timemachine.blaming import scanning
from backstory.timemachine.blaming.rows import Blamed, Cell, blame_row
from backstory.timemachine.replay import Replay
from backstory.timemachine.snapshots.folder import Folder
from backstory.timemachine.snapshots.taking import take_snapshot
from backstory.timemachine.stepping.journal import Kind
from tests.unit.timemachine.blaming.shop import (
    Added,
    AllPriced,
    Dropped,
    Named,
    Priced,
    Put,
    Rejected,
    Sold,
    Stocked,
    Tagged,
    application,
    happened,
    line,
    places,
    sales,
    schema,
    shop,
    tags,
    things,
    totals,
)

ANN = {"na me": "ann"}


async def blame(
    history: History,
    table: Table,
    where: Mapping[str, object],
    column: str | None = "price",
    *,
    every: bool = False,
) -> Blamed:
    """Return who is to blame at the end of *history*."""
    return await blame_row(
        application, history, Cell(table, where, column), history.until, every=every
    )


def places_in(found: Blamed) -> list[tuple[int, list[int]]]:
    """Return the position of each event to blame, and the lines of its handler."""
    return [(each.event.position, [at.line for at in each.places]) for each in found.blames]


async def test_the_last_write_of_the_last_event_that_changed_it(store: MemoryStore) -> None:
    """An event writes twice; the second line is the one that gave the price."""
    history = await happened(store, Added("bob"), Added("ann", 7), Added("cleo"))
    found = await blame(history, things, ANN)
    assert places_in(found) == [(2, [line("first price")])]
    [guilty] = found.blames
    assert (guilty.kind, guilty.before, guilty.after) == (Kind.INSERTED, None, 7)
    assert guilty.place is not None
    assert guilty.place.source.startswith("yield price, {")
    assert guilty.place.function == "added"
    assert found.row is not None
    assert (found.row["price"], guilty.projection) == (7, "shop")


async def test_what_one_event_wrote_by_two_lines_is_told_apart(store: MemoryStore) -> None:
    """Without a column each column has an answer of its own."""
    history = await happened(store, Added("ann", 7))
    found = await blame(history, things, ANN, None)
    lines = {each.column: [at.line for at in each.places] for each in found.blames}
    first, second = [line("added")], [line("first price")]
    assert lines == {"id": first, "na me": first, "at": first, "price": second}


async def test_a_helper_that_wrote_is_named_behind_the_handler_that_asked(
    store: MemoryStore,
) -> None:
    """`yield from` hides the line that matters."""
    history = await happened(store, Added("ann"), Priced("ann", 5), Named("bob", "b"))
    found = await blame(history, things, ANN)
    assert places_in(found) == [(2, [line("asks for pricing"), line("pricing")])]
    assert [at.function for at in found.blames[0].places] == ["priced", "pricing"]
    history = await happened(store, Priced("ann", -5))
    found = await blame(history, things, ANN)
    expected = [line("asks for pricing"), line("nothing is dearer than free")]
    assert places_in(found) == [(4, expected)]


async def test_an_event_that_wrote_the_same_value_is_not_to_blame(store: MemoryStore) -> None:
    """Who set it is who changed it."""
    history = await happened(store, Added("ann"), Priced("ann", 5), Priced("ann", 5))
    assert places_in(await blame(history, things, ANN))[0][0] == 2


async def test_an_update_of_all_rows_is_to_blame_for_each(store: MemoryStore) -> None:
    """A statement over several lines is named by the first."""
    history = await happened(store, Added("bob"), Added("ann"), AllPriced(9), Priced("bob", 2))
    assert places_in(await blame(history, things, ANN)) == [(3, [line("all priced")])]


async def test_handlers_that_run_statements_themselves_are_found_by_their_stack(
    store: MemoryStore,
) -> None:
    """In loops and in functions that they call."""
    history = await happened(store, Added("ann"), Tagged("ann", ["a", "b", "c"]))
    for tag, lines in {
        "a": [line("asks for a tag"), line("even tag")],
        "b": [line("odd tag")],
        "c": [line("asks for a tag"), line("even tag")],
    }.items():
        assert places_in(await blame(history, tags, {"tag": tag}, "place")) == [(2, lines)]


@pytest.mark.parametrize("by", ["yields", "driver"])
async def test_a_decorated_handler_is_found_beneath_its_decorator(
    store: MemoryStore, by: Literal["yields", "driver"]
) -> None:
    """Where a write goes past SQLAlchemy, the handler is all that can be known."""
    history = await happened(store, Stocked("a", by))
    [guilty] = (await blame(history, sales, {"name": "a"}, "count")).blames
    assert [at.line for at in guilty.places] == ([line("stocked")] if by == "yields" else [])
    assert guilty.place is not None
    assert guilty.place.function == "stocked"


async def test_a_cascade_is_blamed_on_who_removed_what_it_hung_on(store: MemoryStore) -> None:
    """No statement of ours was about the row that is gone."""
    history = await happened(store, Added("ann"), Tagged("ann", ["a"]), Dropped("ann"))
    found = await blame(history, tags, {"tag": "a"}, "place")
    [guilty] = found.blames
    assert found.row is None
    assert (guilty.event.position, guilty.kind, guilty.before) == (3, Kind.DELETED, 0)
    assert guilty.place is not None
    assert (guilty.places, guilty.place.line) == ((), line("dropped"))


async def test_a_row_that_is_gone_is_blamed_on_who_removed_it(store: MemoryStore) -> None:
    """The row is there no more, and that is what has to be explained."""
    history = await happened(store, Added("ann", 3), Dropped("ann"), Added("bob"))
    found = await blame(history, things, ANN)
    assert (found.row, [each.event.position for each in found.blames]) == (None, [2])
    assert (found.blames[0].before, found.blames[0].after) == (3, None)


async def test_a_row_that_fits_no_more_is_blamed_on_who_changed_that(store: MemoryStore) -> None:
    """It is not gone: it has another name."""
    history = await happened(store, Added("ann", 3), Named("ann", "anna"), Priced("anna", 4))
    found = await blame(history, things, ANN)
    [guilty] = found.blames
    assert (found.row, guilty.column) == (None, "na me")
    assert (guilty.event.position, guilty.before, guilty.after) == (2, "ann", "anna")


async def test_a_row_that_never_was_has_nobody_to_blame(store: MemoryStore) -> None:
    """The answer is empty, not an error."""
    history = await happened(store, Added("ann"))
    assert await blame(history, things, {"na me": "nobody"}) == Blamed(None, ())


async def test_a_row_is_followed_when_it_had_another_name(store: MemoryStore) -> None:
    """It was not called so when its price was set."""
    history = await happened(
        store, Added("anna"), Priced("anna", 5), Named("anna", "ann"), Priced("x", 2)
    )
    assert places_in(await blame(history, things, ANN))[0][0] == 2
    assert places_in(await blame(history, things, ANN, "na me")) == [(3, [line("named")])]


async def test_a_row_is_followed_when_it_had_another_key(store: MemoryStore) -> None:
    """Also twice."""
    history = await happened(
        store, Put("a", 1), Named("a", "b"), Put("c", 9), Named("b", "z"), Named("c", "b")
    )
    where = {"name": "z"}
    assert places_in(await blame(history, places, where)) == [(1, [line("put")])]
    trail = await blame(history, places, where, "name", every=True)
    assert [each.event.position for each in trail.blames] == [4, 2, 1]


async def test_a_row_written_anew_is_blamed_for_what_became_another(store: MemoryStore) -> None:
    """REPLACE removes a row and adds one; what stayed the same has an older origin."""
    history = await happened(
        store, Put("a", 1, "x"), Put("a", 2, "x"), Put("a", 2, "y"), Put("a", 2, "y")
    )
    for column, position in {"price": 2, "note": 3, "name": 1}.items():
        for where in ({"name": "a"}, {"note": "y"}):
            found = await blame(history, places, where, column)
            assert places_in(found) == [(position, [line("put")])]


async def test_an_upsert_is_blamed_and_rows_without_a_key_have_a_number(
    store: MemoryStore,
) -> None:
    """Two partitions; rows of `sale` are told apart by the number SQLite gives them."""
    history = await happened(store, Sold("a", 1), Sold("a", 1), Sold("b", 4), stream="sale-1")
    history = await happened(store, Sold("a", 3), stream="sale-2")
    assert places_in(await blame(history, totals, {"name": "a"}, "count")) == [
        (4, [line("counted")])
    ]
    with pytest.raises(InvalidSetting, match=r"several rows of 'sale' fit .*_rowid_=2"):
        await blame(history, sales, {"name": "a", "count": 1}, "count")
    found = await blame(history, sales, {"_rowid_": 2}, "count")
    assert places_in(found) == [(2, [line("sold")])]


async def test_every_change_is_told_newest_first(store: MemoryStore) -> None:
    """The history of a value, up to the moment asked for."""
    history = await happened(
        store, Added("ann", 1), Priced("ann", 2), Added("bob"), AllPriced(3), Priced("ann", 4)
    )
    found = await blame(history.up_to(4), things, ANN, every=True)
    values = [(each.event.position, each.before, each.after) for each in found.blames]
    assert values == [(4, 2, 3), (2, 1, 2), (1, None, 1)]


@pytest.mark.parametrize("policy", [Stop(), Park()])
async def test_an_event_that_failed_is_not_to_blame(
    store: MemoryStore, policy: Stop | Park
) -> None:
    """What it wrote was taken back; after it the projection stands still or goes on."""
    history = await happened(store, Added("ann", 2), stream="thing-2")
    await happened(store, Rejected(), stream="thing-3")
    history = await happened(store, Priced("ann", 5), stream="thing-2")
    before, shop.on_failure = shop.on_failure, policy
    try:
        found = await blame(history, things, ANN)
    finally:
        shop.on_failure = before
    assert found.blames[0].event.position == (3 if isinstance(policy, Park) else 1)
    assert list(found.failures) == ([] if isinstance(policy, Park) else ["shop"])


async def test_what_was_delivered_twice_is_blamed_for_both(store: MemoryStore) -> None:
    """The second delivery counted again, and it is the one event that did."""
    history = await happened(store, Sold("a", 2))
    found = await blame_row(
        application,
        history,
        Cell(totals, {"name": "a"}, "count"),
        1,
        every=True,
        replay=Replay(deliveries=2),
    )
    assert [(each.before, each.after) for each in found.blames] == [(None, 4)]


async def test_a_projection_that_lagged_is_blamed_for_what_it_had_seen(
    store: MemoryStore,
) -> None:
    """It had come no further at the moment."""
    history = await happened(store, Added("ann"), Priced("ann", 2), Priced("ann", 3))
    cell = Cell(things, ANN, "price")
    found = await blame_row(application, history, cell, 3, behind={"shop": 2})
    assert (found.blames[0].event.position, found.row and found.row["price"]) == (2, 2)


async def a_snapshot(history: History, store: MemoryStore, at: int, folder: Folder) -> None:
    """Take a snapshot of all read models as of *at*."""
    model = await ReadModel.open("memory:")
    await project(application, history.up_to(at), model)
    await take_snapshot(application, store, model, folder)
    await model.close()


@pytest.mark.parametrize(("name", "guilty"), [("ann", 4), ("bob", 2)])
async def test_it_begins_with_a_snapshot_and_goes_further_back_when_it_must(
    store: MemoryStore, tmp_path: Path, name: str, guilty: int
) -> None:
    """Behind the snapshot at 3 only one of the two was changed."""
    history = await happened(store, Added("ann"), Added("bob"), Added("cleo"), Priced("ann", 8))
    folder = Folder(str(tmp_path / "snapshots"))
    await a_snapshot(history, store, 3, folder)
    told: list[int] = []
    found = await blame_row(
        application,
        history,
        Cell(things, {"na me": name}, "price"),
        4,
        snapshots=folder,
        tell=lambda _, position: told.append(position),
    )
    assert places_in(found)[0][0] == guilty
    assert (min(told) >= 3) is (name == "ann")


@pytest.mark.parametrize("where", [ANN, {"na me": "gone"}])
async def test_a_row_that_is_touched_all_the_time_is_found_as_well(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, where: dict[str, object]
) -> None:
    """Pages are small here, so that there are more than are looked at event by event."""
    monkeypatch.setattr(scanning, "_PAGE", 2)
    monkeypatch.setattr(scanning, "_EVENTS_PER_COPY", 8)
    history = await happened(store, Added("ann"), Added("gone"))
    history = await happened(store, *(Priced("ann", n) for n in range(100, 140)))
    history = await happened(store, *(Priced("gone", n) for n in range(100, 140)))
    history = await happened(store, Dropped("gone"), *(Put("x", n) for n in range(9)))
    found = await blame(history, things, where)
    assert found.blames[0].event.position == (42 if where == ANN else 83)
    name = await blame(history, things, where, "na me")
    assert name.blames[0].event.position == (1 if where == ANN else 83)
    trail = await blame(history, things, where, every=True)
    assert len(trail.blames) == (41 if where == ANN else 42)


async def test_pages_that_only_wrote_the_same_are_no_end(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is written anew in every page, for long with one value."""
    monkeypatch.setattr(scanning, "_PAGE", 2)
    history = await happened(store, Put("a", 1), *(Put("a", 2) for _ in range(60)))
    assert places_in(await blame(history, places, {"name": "a"})) == [(2, [line("put")])]


async def test_words_that_are_nearly_right_are_answered_with_the_right_ones(
    store: MemoryStore,
) -> None:
    """A misspelt column is no reason to replay a million events."""
    history = await happened(store, Added("ann"))
    with pytest.raises(InvalidSetting, match="no column 'prise'; did you mean 'price'"):
        await blame(history, things, ANN, "prise")
    with pytest.raises(InvalidSetting, match="no column '_rowid_'"):
        await blame(history, things, {"_rowid_": 1})


async def test_values_of_any_type_name_a_row(store: MemoryStore) -> None:
    """Typed as the column is, and NULL is a value."""
    history = await happened(store, Added("it's"), Added("ann", 2))
    found = await blame(history, things, {"na me": "it's"})
    assert found.row is not None
    assert (await blame(history, things, {"at": found.row["at"]})).row == found.row
    assert (await blame(history, things, {"at": None})).row is None
    with pytest.raises(
        InvalidSetting, match=r"column 'at' of table 'thing' holds no .* no time zone"
    ):
        await blame(history, things, {"at": datetime(2026, 1, 2)})  # noqa: DTZ001 - without a zone


async def test_only_projections_that_can_change_the_table_are_replayed(
    store: MemoryStore,
) -> None:
    """Others cost time, and may fail."""
    seen: list[object] = []
    other = Projection("other", tables=[])

    @other.on(Added)
    def looks(event: Added, _recorded: object) -> list[Write]:
        seen.append(event)
        return []

    history = await happened(store, Added("ann"))
    both = Application(name="both", schema=schema, projections=(other, shop))
    found = await blame_row(both, history, Cell(things, ANN, "price"), 1)
    assert (len(found.blames), seen) == (1, [])
