from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from backstory import BACKWARDS, FORWARDS, EventStore, Read
from backstory.stores.sqlite.connection import connect
from backstory.stores.sqlite.queries import read_page
from backstory.stores.sqlite.settings import SqliteSettings
from tests.stores.sqlite.conftest import fill, some_event, url_of

if TYPE_CHECKING:
    from apsw import Bindings


def steps(path: Path, query: Read) -> str:
    """Return SQLite's plan of every statement that *query* runs."""
    connection = connect(SqliteSettings.from_url(url_of(path)))
    statements: list[tuple[str, Bindings | None]] = []

    def note(_: apsw.Cursor, statement: str, bindings: Bindings | None) -> bool:
        statements.append((statement, bindings))
        return True

    connection.exec_trace = note
    read_page(connection, query)
    connection.exec_trace = None
    plan = [
        str(row[3])
        for statement, bindings in statements
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bindings)
    ]
    connection.close()
    return "\n".join(plan)


def queries() -> Iterator[Read]:
    """Yield a read of every shape."""
    for direction in (FORWARDS, BACKWARDS):
        for shape in (
            Read(),
            Read(types=("thing-happened",)),
            Read(types=("thing-happened", "thing-ended")),
            Read(category="thing"),
            Read(category="thing", types=("thing-happened", "thing-ended")),
            Read(stream="thing-1"),
            Read(stream="thing-1", types=("thing-ended",)),
        ):
            yield Read(
                stream=shape.stream,
                category=shape.category,
                types=shape.types,
                after=5,
                before=900,
                direction=direction,
                limit=10,
            )


@pytest.mark.parametrize("query", list(queries()), ids=str)
async def test_no_read_scans_or_sorts_the_log(store: EventStore, path: Path, query: Read) -> None:
    """Every page is found along an index; only the positions of one page are ever sorted."""
    await fill(store, 30)
    for number in range(10):
        await store.append("thing-1", [some_event(number)])
    plan = steps(path, query)
    assert "SCAN e" not in plan.replace("SCAN e USING", "")
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert "SEARCH" in plan


async def test_a_rare_type_in_a_large_log_is_found_without_reading_the_log(
    store: EventStore, path: Path
) -> None:
    """The work of a filtered read is that of its page, not that of the log."""
    await fill(store, 3_000)
    connection = connect(SqliteSettings.from_url(url_of(path)))
    worked = 0

    def count() -> bool:
        nonlocal worked
        worked += 1
        return False

    connection.set_progress_handler(count, 100)
    assert read_page(connection, Read(types=("never-seen",))) == []
    assert read_page(connection, Read(category="nothing")) == []
    assert len(read_page(connection, Read(category="thing", limit=5))) == 5
    connection.close()
    assert worked < 30
