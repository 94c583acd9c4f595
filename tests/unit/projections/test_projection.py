from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from backstory.core.errors import InvalidInput, SchemaError
from backstory.core.events import RecordedEvent
from backstory.core.schema import Schema
from backstory.projections.projection import Projection, Write
from backstory.projections.read_model import ReadModel
from backstory.projections.worker import Worker
from backstory.stores.memory import MemoryStore
from tests.unit.projections.members import (
    Joined,
    member_table,
    members_projection,
    schema,
    worker_of,
)

MODULE = """
from sqlalchemy import Column, Integer, MetaData, Table, insert
from backstory.projections.projection import Projection

class Joined: ...

LIMIT = 3
members = Table("member", MetaData(), Column("id", Integer, primary_key=True))
statement = insert(members)

def number(event):
    return min(event.number, LIMIT)

projection = Projection("members", tables=[members])

@projection.on(Joined)
def joined(event, recorded):
    yield statement, {"id": number(event)}
"""


@pytest.fixture
def fingerprint(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that gives the fingerprint of the projection in a source text."""

    def fingerprint_of(source: str) -> str:
        path = tmp_path / f"module_{len(list(tmp_path.iterdir()))}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("written", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        projection = module.projection
        assert isinstance(projection, Projection)
        return projection.fingerprint

    return fingerprint_of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Projection("members"', 'Projection("people"'),
        ("Integer, primary_key=True", "Integer, unique=True, primary_key=True"),
        ('"member", MetaData()', '"person", MetaData()'),
        ("number(event)}", "number(event) + 1}"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("min(event.number", "max(event.number"),
        ("insert(members)", "insert(members).prefix_with('OR IGNORE')"),
        ("Joined", "Entered"),
    ],
)
def test_what_decides_the_rows_changes_the_fingerprint(
    fingerprint: Callable[[str], str], old: str, new: str
) -> None:
    """A snapshot taken with other tables, handlers, helpers or constants is not trusted."""
    changed = MODULE.replace(old, new)
    assert changed != MODULE
    assert fingerprint(changed) != fingerprint(MODULE)


def test_what_does_not_matter_leaves_the_fingerprint(fingerprint: Callable[[str], str]) -> None:
    """Comments, docstrings, line breaks and other code do not cost a rebuild."""
    changed = MODULE.replace(
        "def joined(event, recorded):",
        'def joined(\n    event,\n    recorded,\n):\n    """Explain."""',
    )
    changed = changed.replace("LIMIT = 3", "# the most there may be\nLIMIT = 3\nOTHER = 5")
    assert fingerprint(changed) == fingerprint(MODULE)


def test_the_fingerprint_of_code_without_source_is_of_its_bytecode() -> None:
    """Handlers typed at a prompt have a fingerprint too, and different ones differ."""

    def made(number: str) -> Projection:
        projection = Projection("members", tables=[member_table])
        names: dict[str, Callable[..., list[Write]]] = {}
        exec(f"def handler(event, recorded): return [{number}]", names)  # noqa: S102 - code without a file is the point
        projection.on(Joined)(names["handler"])
        return projection

    assert made("1").fingerprint == made("1").fingerprint
    assert made("1").fingerprint != made("2").fingerprint


def test_an_event_type_has_one_handler() -> None:
    """A second handler would silently replace the first, or run in an order nobody chose."""
    projection = members_projection()
    with pytest.raises(InvalidInput, match=r"handler for Joined already: .*members\.py:\d+"):
        projection.on(Joined)(lambda _event, _recorded: ())


def test_an_async_handler_is_refused() -> None:
    """It would return a coroutine that nobody awaits."""
    projection = Projection("members", tables=[member_table])

    async def handler(_event: Joined, _recorded: RecordedEvent) -> AsyncIterator[Write]:
        yield member_table.insert()

    with pytest.raises(InvalidInput, match="handler is async"):
        projection.on(Joined)(handler)  # type: ignore[arg-type] # what is refused


@pytest.mark.parametrize("name", ["", " ", "x" * 201])
def test_a_projection_has_a_name(name: str) -> None:
    """The name is the key of the checkpoint."""
    with pytest.raises(InvalidInput, match="name has 1 to 200"):
        Projection(name, tables=[])


async def test_a_projection_without_handlers_cannot_be_run(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Its checkpoint would move past every event with nothing done."""
    with pytest.raises(InvalidInput, match="handles no event"):
        worker_of(store, read_model, Projection("empty", tables=[]))


async def test_a_handler_of_an_event_the_schema_does_not_hold_is_refused(
    store: MemoryStore, read_model: ReadModel
) -> None:
    """Such a handler would never be called, and nobody would know why."""
    assert schema.types
    with pytest.raises(SchemaError, match="Joined is not in the schema"):
        Worker(members_projection(), schema=Schema(), store=store, read_model=read_model)
