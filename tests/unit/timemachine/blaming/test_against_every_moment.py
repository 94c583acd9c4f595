"""Blame, for any history: the event that it names is the one that looking at all moments names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from backstory.core.history import History
from backstory.stores.memory import MemoryStore
from backstory.timemachine.blaming import rows, scanning
from backstory.timemachine.blaming.rows import Cell, blame_row
from backstory.timemachine.session import Session
from tests.unit.projections.members import steady_clock
from tests.unit.timemachine.blaming.shop import (
    Added,
    AllPriced,
    Dropped,
    Named,
    Priced,
    Put,
    Sold,
    Tagged,
    application,
    happened,
    places,
    sales,
    tags,
    things,
    totals,
)

TABLES = (things, tags, totals, sales)

name = st.sampled_from(["a", "b", "c"])
number = st.integers(0, 3)
happenings = st.one_of(
    st.builds(Added, name, number),
    st.builds(Priced, name, number),
    st.builds(Named, name, name),
    st.builds(Dropped, name),
    st.builds(AllPriced, number),
    st.builds(Put, name, number),
    st.builds(Sold, name, number),
    st.builds(Tagged, st.just("a"), st.lists(st.sampled_from("xyz"), max_size=2, unique=True)),
)

Rows = Mapping[tuple[object, ...], Mapping[str, object]]


async def every_moment(history: History, tables: Sequence[Table]) -> list[dict[str, Rows]]:
    """Return the rows of *tables*, by what names them, at every position."""
    moments = []
    async with Session(application, history) as session:
        for position in range(history.until + 1):
            model = await session.at(position)
            found: dict[str, Rows] = {}
            for table in tables:
                names = [column.name for column in table.columns]
                keys = [column.name for column in table.primary_key]
                plain = [
                    dict(zip(names, row, strict=True)) for row in await model.all(select(table))
                ]
                found[table.name] = {
                    tuple(row[key] for key in keys) or (at,): row for at, row in enumerate(plain, 1)
                }
            moments.append(found)
    return moments


def last_change(
    moments: Sequence[Mapping[str, Rows]], table: str, key: tuple[object, ...], column: str
) -> int:
    """Return the last position at which the value is another than at the one before."""

    def at(position: int) -> tuple[object, ...]:
        row = moments[position][table].get(key)
        return () if row is None else (row[column],)

    return max(place for place in range(1, len(moments)) if at(place) != at(place - 1))


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(happenings, min_size=1, max_size=14), st.booleans(), st.data())
async def test_the_event_that_is_named_is_the_one_at_which_the_value_changed(
    monkeypatch: pytest.MonkeyPatch,
    values: list[object],
    hot: bool,  # noqa: FBT001 - Hypothesis gives it so
    data: st.DataObject,
) -> None:
    """For any row and column, with pages that are looked into at once or not."""
    monkeypatch.setattr(scanning, "_PAGE", 2 if hot else 2_000)
    monkeypatch.setattr(scanning, "_EVENTS_PER_COPY", 3)
    monkeypatch.setattr(rows, "_PATIENT", 1 if hot else 8)
    store = MemoryStore(clock=steady_clock())
    history = await happened(store, *values)
    moments = await every_moment(history, TABLES)
    cells = [(table, key, row) for table in TABLES for key, row in moments[-1][table.name].items()]
    for table, key, row in data.draw(st.permutations(cells))[:3] if cells else ():
        column = data.draw(st.sampled_from(list(row)))
        names = [part.name for part in table.primary_key] or ["_rowid_"]
        where = dict(zip(names, key, strict=True))
        if table is things and data.draw(st.booleans()):
            where = {"na me": row["na me"]}
        found = await blame_row(application, history, Cell(table, where, column), history.until)
        expected = last_change(moments, table.name, key, column)
        assert [each.event.position for each in found.blames] == [expected]
        assert found.row == row
    await store.close()


def test_the_tables_of_these_tests_are_those_of_the_shop() -> None:
    """But for the one whose keys change: there a row is not what its key says."""
    every = {table.name for one in application.projections for table in one.tables}
    assert every - {table.name for table in TABLES} == {places.name}
