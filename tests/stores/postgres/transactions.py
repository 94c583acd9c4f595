"""A caller's own transaction, made with each library whose connections an append can join."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from backstory.stores.postgres.joining import Joinable


class Transaction(NamedTuple):
    """What a caller does with the connection that an append joins."""

    joined: Joinable
    execute: Callable[[str], Awaitable[object]]
    commit: Callable[[], Awaitable[object]]
    rollback: Callable[[], Awaitable[object]]


@asynccontextmanager
async def by_asyncpg(url: str) -> AsyncIterator[Transaction]:
    """Begin one on a connection of asyncpg's."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    yield Transaction(connection, connection.execute, transaction.commit, transaction.rollback)
    await connection.close()


@asynccontextmanager
async def by_a_pool(url: str) -> AsyncIterator[Transaction]:
    """Begin one on a connection of a pool of asyncpg's."""
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool, pool.acquire() as borrowed:
        transaction = borrowed.transaction()
        await transaction.start()
        yield Transaction(borrowed, borrowed.execute, transaction.commit, transaction.rollback)


@asynccontextmanager
async def by_sqlalchemy(url: str) -> AsyncIterator[Transaction]:
    """Begin one on an asynchronous connection of SQLAlchemy's."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        yield _asynchronous(connection)
    await engine.dispose()


@asynccontextmanager
async def by_a_session(url: str) -> AsyncIterator[Transaction]:
    """Begin one in an asynchronous session of SQLAlchemy's, over psycopg."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    async with AsyncSession(engine) as session:
        yield _asynchronous(session)
    await engine.dispose()


def _asynchronous(joined: AsyncConnection | AsyncSession) -> Transaction:
    return Transaction(
        joined, lambda sql: joined.execute(sa.text(sql)), joined.commit, joined.rollback
    )


@asynccontextmanager
async def by_sqlalchemy_blocking(url: str) -> AsyncIterator[Transaction]:
    """Begin one on a connection of SQLAlchemy's that blocks."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield _blocking(connection)
    engine.dispose()


@asynccontextmanager
async def by_a_session_blocking(url: str) -> AsyncIterator[Transaction]:
    """Begin one in a session of SQLAlchemy's that blocks."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session:
        yield _blocking(session)
    engine.dispose()


def _blocking(joined: sa.Connection | Session) -> Transaction:
    async def execute(sql: str) -> object:
        return joined.execute(sa.text(sql))

    async def commit() -> None:
        await asyncio.to_thread(joined.commit)

    async def rollback() -> None:
        joined.rollback()

    return Transaction(joined, execute, commit, rollback)


Begin = Callable[[str], AbstractAsyncContextManager[Transaction]]
LIBRARIES: Final[Mapping[str, Begin]] = {
    "asyncpg": by_asyncpg,
    "a pool of asyncpg": by_a_pool,
    "SQLAlchemy": by_sqlalchemy,
    "a session": by_a_session,
    "SQLAlchemy, blocking": by_sqlalchemy_blocking,
    "a session, blocking": by_a_session_blocking,
}
