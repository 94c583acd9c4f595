from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DatabaseError

from backstory.core.errors import InvalidInput
from backstory.projections.lookup import AT_ONCE, Gathering, Lookup
from backstory.projections.read_model import ReadModel
from tests.unit.projections.members import START, member_table, members_projection

find_member = Lookup(
    select(member_table.c.renamed, member_table.c.name).where(member_table.c.renamed < 9),
    key=member_table.c.name,
)


class Member(NamedTuple):
    """A row as a caller wants it."""

    renamed: int
    name: str


async def _with_members(model: ReadModel, names: list[str]) -> None:
    await model.prepare(members_projection())
    row = {"full_name": "", "joined_at": START, "recorded_at": START, "renamed": 7}

    def work() -> None:
        with model.database.writing() as connection:
            connection.execute(insert(member_table), [{**row, "name": name} for name in names])

    await asyncio.to_thread(work)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 50])
async def test_everybody_who_asks_at_once_gets_their_own_answer(
    read_model: ReadModel, count: int
) -> None:
    """However many share a query, nobody gets somebody else."""
    names = [f"u{number}" for number in range(count)]
    await _with_members(read_model, names)
    asked = [*names, "nobody", *names]
    answers = await asyncio.gather(
        *(read_model.find(find_member, name, into=Member) for name in asked)
    )
    assert [answer and answer.name for answer in answers] == [*names, None, *names]
    assert {answer.renamed for answer in answers if answer is not None} == {7}
    assert await read_model.find(find_member, "u0") == (7, "u0")


async def test_what_the_query_itself_demands_still_holds(read_model: ReadModel) -> None:
    """The key is one condition more, not the only one."""
    await _with_members(read_model, ["ann", "bob"])
    narrow = Lookup(
        select(member_table.c.name).where(func.length(member_table.c.name) > 3),
        key=member_table.c.name,
    )
    found = await asyncio.gather(*(read_model.find(narrow, name) for name in ("ann", "bob")))
    assert found == [None, None]


async def test_a_caller_who_hangs_up_takes_nobody_along(read_model: ReadModel) -> None:
    """Callers of the same row share a query, not a fate."""
    await _with_members(read_model, ["ada"])
    first, second = (asyncio.create_task(read_model.find(find_member, "ada")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == (7, "ada")
    assert first.cancelled()


async def test_an_error_reaches_everybody_who_asked(read_model: ReadModel) -> None:
    """Nobody waits for ever, and the next question is asked anew."""
    answers = await asyncio.gather(
        *(read_model.find(find_member, name) for name in "abc"), return_exceptions=True
    )
    assert all(isinstance(answer, DatabaseError) for answer in answers)
    await _with_members(read_model, ["a"])
    assert await read_model.find(find_member, "a") == (7, "a")


async def test_an_answer_is_read_after_it_was_asked_for(read_model: ReadModel) -> None:
    """Whoever wrote and then asks sees what was written, also while others ask all the time."""
    await _with_members(read_model, ["old"])

    async def keep_asking(stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.gather(*(read_model.find(find_member, "old") for _ in range(5)))

    stop = asyncio.Event()
    others = [asyncio.create_task(keep_asking(stop)) for _ in range(3)]
    for number in range(10):
        await _with_members(read_model, [f"new{number}"])
        assert await read_model.find(find_member, f"new{number}") == (7, f"new{number}")
    stop.set()
    await asyncio.gather(*others)


async def test_it_may_be_asked_from_several_event_loops(read_model: ReadModel) -> None:
    """A web server with a loop per thread shares one read model; answers stay in their loop."""
    await _with_members(read_model, ["ann"])

    async def ask() -> int:
        rows = await asyncio.gather(*(read_model.find(find_member, "ann") for _ in range(50)))
        return rows.count((7, "ann"))

    loops = await asyncio.gather(*(asyncio.to_thread(asyncio.run, ask()) for _ in range(3)))
    assert [*loops, await ask()] == [50] * 4


async def test_a_query_under_way_gathers_those_who_come_meanwhile() -> None:
    """A bounded number of queries at once, and nobody is left behind when they end together."""
    under_way: list[asyncio.Future[None]] = []
    asked: list[int] = []

    async def fetch(keys: object) -> list[tuple[object, ...]]:
        assert isinstance(keys, list)
        asked.append(len(keys))
        under_way.append(asyncio.get_running_loop().create_future())
        await under_way[-1]
        return [(key,) for key in keys]

    gathering = Gathering(Lookup(select(member_table.c.name), key=member_table.c.name), fetch)
    callers = []
    for turn in range(6):
        callers += [asyncio.create_task(gathering.find((turn, n))) for n in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
    assert asked == [3] * AT_ONCE
    while not all(caller.done() for caller in callers):
        for query in under_way:
            if not query.done():
                query.set_result(None)
        await asyncio.sleep(0)
    assert asked == [3] * AT_ONCE + [3 * (6 - AT_ONCE)]
    assert [caller.result() for caller in callers] == [
        ((turn, n),) for turn in range(6) for n in range(3)
    ]


def test_a_key_that_is_not_selected_is_refused() -> None:
    """Without it an answer could not be told from another."""
    with pytest.raises(InvalidInput, match="does not select its key"):
        Lookup(select(member_table.c.id), key=member_table.c.name)
