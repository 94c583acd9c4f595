from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from msgspec.structs import replace

from backstory import BACKWARDS, FORWARDS, EventStore, Read
from backstory.core.store import Sought
from backstory.stores.postgres import PostgresStore
from backstory.stores.postgres.group import Call
from backstory.stores.postgres.queries import (
    MOST_ARMS,
    find_call,
    kinds_call,
    log_call,
    search_call,
    stream_call,
)
from tests.servers.postgres import VERSIONS
from tests.stores.postgres.conftest import fill

OUT_OF_ORDER = {"Sort", "Incremental Sort", "Bitmap Heap Scan", "Hash Aggregate"}
"""Steps that look at everything before they give the first row."""


def calls() -> Iterator[Call]:
    """Yield what is asked of the server for reads of every shape."""
    few = ([1], [1, 2, 3], list(range(1, MOST_ARMS + 1)))
    for direction in (FORWARDS, BACKWARDS):
        everything = Read(direction=direction, limit=10, after=5)
        yield log_call(everything)
        sought = Sought(words=("a", "b"), until=50, newest_first=direction is BACKWARDS)
        yield search_call(sought, sought.words)
        for types in ((), ("a", "b")):
            yield stream_call(replace(everything, stream="thing-1", types=types), "thing-1")
        for query in (
            replace(everything, types=("a",)),
            replace(everything, category="thing"),
            replace(everything, category="thing", types=("a",)),
        ):
            for numbers in (*few, range(MOST_ARMS + 1)):
                yield kinds_call(query, numbers, 100)


def steps(plan: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield each step of *plan*, with the table that it looks at."""
    yield str(plan["Node Type"]), str(plan.get("Relation Name", ""))
    for part in plan.get("Plans", []):  # type: ignore[attr-defined]  # what JSON holds is anything
        yield from steps(part)


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_no_read_scans_or_sorts_the_log(store: EventStore) -> None:
    """Every page is found along an index, which gives it in its order."""
    assert isinstance(store, PostgresStore)
    await fill(store, 60)
    for statement, values in calls():
        explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}"
        ((plan,),) = await store._pool.fetch(explain, *values)  # noqa: SLF001 - with its settings
        taken = set(steps(json.loads(plan)[0]["Plan"]))
        assert ("Seq Scan", "events") not in taken
        assert not {name for name, _ in taken} & OUT_OF_ORDER


@pytest.mark.parametrize("postgres", VERSIONS, indirect=True, ids=str)
async def test_an_id_is_found_without_looking_at_other_events(store: EventStore) -> None:
    """Along the index of ids, not along the log with every id compared."""
    assert isinstance(store, PostgresStore)
    await fill(store, 60)
    statement, values = find_call(uuid4())
    explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}"
    ((plan,),) = await store._pool.fetch(explain, *values)  # noqa: SLF001 - with its settings
    assert "events_by_id" in plan
    assert '"Filter"' not in plan
    assert not {name for name, _ in steps(json.loads(plan)[0]["Plan"])} & OUT_OF_ORDER
