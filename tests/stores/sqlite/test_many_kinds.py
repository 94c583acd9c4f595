from __future__ import annotations

import asyncio

import pytest

from backstory import BACKWARDS, FORWARDS, EventStore, MemoryStore, NewEvent, Read, pages
from backstory.core.read import Direction

MANY = 140
"""More kinds than one statement merges."""


@pytest.mark.parametrize("direction", [FORWARDS, BACKWARDS])
async def test_more_kinds_than_are_merged_read_the_same(
    store: EventStore, direction: Direction
) -> None:
    """Streams without a category, and a category of very many types, are filtered as any other."""
    memory = MemoryStore()
    for number in range(MANY):
        event = NewEvent.of("thing-happened", number)
        typed = NewEvent.of(f"type-{number}", number)
        for each in (store, memory):
            await asyncio.gather(
                each.append(f"lonely{number}", [event]), each.append("wide-1", [typed])
            )
    for scope in (
        Read(types=("thing-happened",), limit=7, direction=direction),
        Read(
            types=("thing-happened", "type-3"), after=20, before=250, limit=9, direction=direction
        ),
        Read(category="wide", limit=11, direction=direction),
        Read(category="wide", types=("type-5", "type-130"), limit=1, direction=direction),
    ):
        mine = [e.id async for page in pages(store, scope) for e in page]
        wanted = [e.id async for page in pages(memory, scope) for e in page]
        assert mine == wanted != []
