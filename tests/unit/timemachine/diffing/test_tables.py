"""Differences of rows: between two moments, and between the events and a live read model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    delete,
    insert,
    update,
)

from backstory.application import Application
from backstory.core.errors import InvalidSetting
from backstory.core.history import History
from backstory.projections.columns import UtcDateTime
from backstory.projections.read_model import ReadModel
from backstory.stores.memory import MemoryStore
from backstory.timemachine.asof import project
from backstory.timemachine.diffing.live import LiveRows
from backstory.timemachine.diffing.moments import Difference, diff_live, diff_moments
from backstory.timemachine.diffing.tables import RowDiff, TableDiff, both, diff_table
from backstory.timemachine.diffing.terms import terms_of
from backstory.timemachine.diffing.values import Change
from backstory.timemachine.session import Session
from tests.unit.projections.members import (
    Left,
    Renamed,
    append,
    join_all,
    member_table,
    members_projection,
    schema,
)
from tests.unit.timemachine.conftest import OpenModel

APPLICATION = Application(name="club", schema=schema, projections=(members_projection(),))

metadata = MetaData()
keyed = Table(
    "key ed",
    metadata,
    Column("id", String(5, collation="NOCASE"), primary_key=True),
    Column("do c", JSON, key="doc"),
    Column("at", UtcDateTime),
    Column("sum", Numeric(10, 2)),
    Column("photo", LargeBinary),
)
loose = Table("loose", metadata, Column("name", String(5)), Column("count", Integer))

Row = Mapping[str, object]


def compared(
    folder: Path, table: Table, before: Sequence[Row], after: Sequence[Row], most: int = 1_000
) -> TableDiff:
    """Return how two files differ that hold these rows."""
    files = []
    for name, rows in (("before", before), ("after", after)):
        files.append(folder / f"{name}-{len(list(folder.iterdir()))}.db")
        engine = create_engine(f"sqlite:///{files[-1]}")
        with engine.begin() as connection:
            metadata.create_all(connection)
            for row in rows:
                connection.execute(insert(table), row)
        engine.dispose()
    with both(*files) as connection:
        return diff_table(connection, terms_of(table), most=most)


def test_rows_are_matched_by_their_key(tmp_path: Path) -> None:
    """What came, what went and what is another, typed as the columns are."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    row = {"id": "a", "doc": {"x": 1, "y": [2]}, "at": moment, "sum": Decimal(1), "photo": b"1"}
    after = [
        {**row, "doc": {"y": [2], "x": 1}},
        {**row, "id": "b", "sum": Decimal("1.10")},
        {**row, "id": "D"},
        {**row, "id": "e"},
    ]
    before = [row, {**row, "id": "b"}, {**row, "id": "c", "at": None}, {**row, "id": "d"}]
    found = compared(tmp_path, keyed, before, after)
    assert (found.added, found.removed, found.changed) == (1, 1, 2)
    gone, new, *changed = found.rows
    assert gone.before is not None
    assert new.after is not None
    assert (gone.kind, gone.before["id"], gone.before["at"]) == (Change.REMOVED, "c", None)
    assert (new.kind, new.after["id"], new.after["at"]) == (Change.ADDED, "e", moment)
    assert [each.columns for each in changed] == [["sum"], ["id"]]
    assert changed[0].after is not None
    assert changed[0].after["sum"] == Decimal("1.10")


def test_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    """A row that is there twice is not there once."""
    one: Row = {"name": "a", "count": None}
    two: Row = {"name": None, "count": 2}
    found = compared(tmp_path, loose, [one, two, two, two], [one, one, one, two])
    assert found.rows == (
        RowDiff(Change.REMOVED, two, None, times=2),
        RowDiff(Change.ADDED, None, one, times=2),
    )
    assert (found.added, found.removed, found.changed, found.key) == (2, 2, 0, ())


rows_of_loose = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | st.sampled_from(["a", "A", ""]),
            "count": st.none() | st.sampled_from([0, 1]),
        }
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=15)
@given(rows_of_loose, rows_of_loose)
def test_counting_is_what_counting_is(
    tmp_path_factory: pytest.TempPathFactory, before: list[Row], after: list[Row]
) -> None:
    """Against a count of Python's own."""
    found = compared(tmp_path_factory.mktemp("rows"), loose, before, after)
    old, new = (Counter((r["name"], r["count"]) for r in rows) for rows in (before, after))
    told: dict[Change, Counter[object]] = {Change.ADDED: Counter(), Change.REMOVED: Counter()}
    for row in found.rows:
        told[row.kind][tuple((row.after or row.before or {}).values())] = row.times
    assert told == {Change.ADDED: new - old, Change.REMOVED: old - new}


def test_all_are_counted_and_the_first_are_told(tmp_path: Path) -> None:
    """A million differences are no answer."""
    rows: list[Row] = [{"id": f"{number}"} for number in range(9)]
    found = compared(tmp_path, keyed, [], rows, most=2)
    assert (found.added, len(found.rows)) == (9, 2)
    several: list[Row] = [{"name": f"{number % 3}", "count": 0} for number in range(9)]
    found = compared(tmp_path, loose, [], several, most=2)
    assert (found.added, [row.times for row in found.rows]) == (9, [3, 3])


async def a_club(store: MemoryStore) -> History:
    """Return a history in which three join, one is renamed and one leaves."""
    await join_all(store, ["ann", "bob", "cleo"])
    await append(store, "member-bob", Renamed("bob", "Bobby"))
    return History(store, await append(store, "member-ann", Left("ann")))


async def between(history: History, before: int, after: int) -> Difference:
    """Return what differs between two moments."""
    async with Session(APPLICATION, history) as session:
        return await diff_moments(session, [member_table], before, after)


@pytest.mark.parametrize("backwards", [False, True])
async def test_two_moments_are_compared_in_either_order(
    store: MemoryStore, *, backwards: bool
) -> None:
    """What came one way went the other way."""
    history = await a_club(store)
    moments = (5, 2) if backwards else (2, 5)
    found = await between(history, *moments)
    [table] = found.tables
    gone, new, changed = table.rows
    if backwards:
        gone, new = new, gone
    names = [(row.before or row.after or {})["name"] for row in (gone, new, changed)]
    assert names == ["ann", "cleo", "bob"]
    assert changed.columns == ["full_name", "renamed"]
    assert [(changed.before or {})["full_name"], (changed.after or {})["full_name"]] == (
        ["Bobby", "Bob"] if backwards else ["Bob", "Bobby"]
    )
    assert (found.before[0].position, found.after[0].position) == moments


async def test_a_moment_is_the_same_as_itself(store: MemoryStore) -> None:
    """And two without a difference between them are the same, too."""
    history = await a_club(store)
    assert (await between(history, 4, 4)).same
    assert not (await between(history, 3, 4)).same


async def against(
    open_model: OpenModel, store: MemoryStore, spoil: object = None, ignore: Sequence[str] = ()
) -> Difference:
    """Return how a live read model differs once *spoil* was done to it."""
    history = await a_club(store)
    live = await open_model()
    await project(APPLICATION, history.up_to(4), live)
    if spoil is not None:
        live.write(lambda connection: connection.execute(spoil))  # type: ignore[call-overload]  # any statement

    def session(rows: LiveRows) -> Session:
        [position] = rows.positions["members"]
        return Session(APPLICATION, history.up_to(position))

    return await diff_live(session, live, [member_table], ignore=ignore)


async def test_a_live_read_model_that_is_right_is_the_same(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """On every database, compared at the position that it has applied."""
    found = await against(open_model, store)
    assert found.same
    assert found.live is not None
    assert (dict(found.live.positions), found.live.missing) == ({"members": [4]}, [])


async def test_a_row_that_was_spoiled_is_seen(store: MemoryStore, open_model: OpenModel) -> None:
    """The live one is what comes after."""
    spoil = update(member_table).where(member_table.c.name == "bob").values(full_name="Robert")
    [table] = (await against(open_model, store, spoil)).tables
    [row] = table.rows
    assert (row.kind, row.columns, (row.after or {})["full_name"]) == (
        Change.CHANGED,
        ["full_name"],
        "Robert",
    )


async def test_a_row_that_was_lost_is_seen_whatever_its_number(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """Without the number rows are matched by what else is unique."""
    spoil = delete(member_table).where(member_table.c.name == "bob")
    [table] = (await against(open_model, store, spoil, ["id"])).tables
    assert (table.key, table.removed, table.added, table.changed) == (("name",), 1, 0, 0)


async def test_a_row_that_is_there_twice_is_seen(store: MemoryStore, tmp_path: Path) -> None:
    """The live table has lost its constraint, and with it the one that made rows unique."""
    history = await a_club(store)
    plain = Table("member", MetaData(), *(Column(c.name, c.type) for c in member_table.columns))
    model = await _model(tmp_path)
    await project(APPLICATION, history, model)
    rows = [dict(zip(plain.c.keys(), row, strict=True)) for row in await model.all(plain.select())]
    model.write(member_table.drop)
    model.write(plain.create)
    doubled = [*rows, *({**row, "id": number} for number, row in enumerate(rows, 7))]
    model.write(lambda connection: connection.execute(insert(plain), doubled))
    session = Session(APPLICATION, history)
    found = await diff_live(lambda _: session, model, [member_table], ignore=["id"])
    await model.close()
    [table] = found.tables
    assert (table.key, table.added, table.removed) == ((), 2, 0)
    assert [(row.after or {})["name"] for row in table.rows] == ["bob", "cleo"]


async def _model(folder: Path) -> ReadModel:
    return await ReadModel.open(f"sqlite:///{folder}/live.db")


async def test_a_table_that_is_not_there_has_no_rows(
    store: MemoryStore, open_model: OpenModel
) -> None:
    """It is told apart from one that is empty; and nothing is created in what is live."""
    history = await a_club(store)
    live = await open_model()
    session = Session(APPLICATION, history)
    found = await diff_live(lambda _: session, live, [member_table])
    assert found.live is not None
    assert (found.tables[0].removed, found.live.missing) == (2, ["member"])
    found = await diff_live(lambda _: Session(APPLICATION, history), live, [member_table])
    assert found.live is not None
    assert found.live.missing == ["member"]


def test_something_must_be_left_to_compare() -> None:
    """To ignore every column is a mistake."""
    with pytest.raises(InvalidSetting, match="nothing is left to compare of table 'loose'"):
        terms_of(loose, ["name", "count"])
