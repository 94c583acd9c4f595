from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from backstory import ReadModel
from backstory.demo.finding import Finder
from backstory.demo.projection import revision_table, user_projection, user_table
from backstory.demo.users import Found, UserView

AT = datetime(2023, 7, 14, tzinfo=UTC)


def _found(number: int, username: str, _at: datetime, full_name: str, revision: int) -> Found:
    return Found(UserView(number, username, "", full_name), revision)


@pytest.fixture
async def read_model(tmp_path: Path) -> AsyncIterator[ReadModel]:
    """Give an empty read model, without the tables of the users."""
    model = await ReadModel.open(f"sqlite:///{tmp_path}/read-model.db")
    yield model
    await model.close()


async def _with_users(read_model: ReadModel, names: list[str]) -> Finder:
    await read_model.prepare(user_projection)
    users = [{"username": name, "createdAt": AT, "fullName": name.upper()} for name in names]
    with read_model.database.writing() as connection:
        connection.execute(insert(user_table), users)
        connection.execute(
            insert(revision_table), [{"username": name, "revision": 7} for name in names]
        )
    return Finder(read_model, _found)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 50])
async def test_everybody_who_asks_at_once_gets_their_own_answer(
    read_model: ReadModel, count: int
) -> None:
    """However many share a query, nobody gets somebody else."""
    names = [f"u{number}" for number in range(count)]
    finder = await _with_users(read_model, names)
    asked = [*names, "nobody", *names]
    answers = await asyncio.gather(*map(finder.find, asked))
    assert [answer and answer.view.username for answer in answers] == [
        *names,
        None,
        *names,
    ]
    assert {answer.revision for answer in answers if answer is not None} == {7}


async def test_a_caller_who_hangs_up_takes_nobody_along(read_model: ReadModel) -> None:
    """Callers of the same user share a query, not a fate."""
    finder = await _with_users(read_model, ["ada"])
    first, second = (asyncio.create_task(finder.find("ada")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    answer = await second
    assert answer is not None
    assert first.cancelled()


async def test_an_error_reaches_everybody_who_asked(read_model: ReadModel) -> None:
    """Nobody waits for ever, and the next question is asked anew."""
    finder = Finder(read_model, _found)
    answers = await asyncio.gather(*map(finder.find, "abc"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OperationalError] * 3
    await read_model.prepare(user_projection)
    assert await finder.find("a") is None
