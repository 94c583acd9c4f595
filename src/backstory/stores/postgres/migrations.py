"""The tables of a store: made, brought up to date, or refused as another program's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Final, TypeAlias
from zlib import crc32

from backstory.core.errors import (
    StoreDamaged,
    StoreError,
    StoreReadOnly,
    StoreUnavailable,
    StoreVersionUnsupported,
)
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.errors import COMMAND, translated
from backstory.stores.postgres.link import Connection, Link, Row
from backstory.stores.postgres.settings import PostgresSettings


def _migrations() -> tuple[str, ...]:
    folder = files(__package__).joinpath("migrations")
    named = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(entry.read_text(encoding="utf-8") for _, entry in named)


MIGRATIONS: Final = _migrations()
"""The SQL that takes a schema from version *n* to *n + 1*, by *n*."""

SCHEMA_VERSION: Final = len(MIGRATIONS)

Ask: TypeAlias = Callable[..., Awaitable[Sequence[Row]]]
"""Answers a statement and its values with rows."""

_TABLES: Final = frozenset({"store", "kinds", "events", "log"})


def quoted(name: str) -> str:
    """Return *name* as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def schema_sql(schema: str, *, version: int, there: bool) -> list[str]:
    """Return the SQL that takes *schema* from *version* to the newest, within one transaction.

    `there` says whether the schema exists, be it empty.
    """
    name = quoted(schema)
    steps = [] if there else [f"CREATE SCHEMA {name};"]
    steps.append(f"SET LOCAL search_path TO {name}, pg_temp;")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        steps += [migration, f"UPDATE store SET version = {number};"]  # noqa: S608 - our own number
    return steps


async def prepare(link: Link, settings: PostgresSettings) -> None:
    """Make the schema a store of the newest version, or refuse it and leave it as it is.

    Raises `StoreDamaged` for tables of another program, `StoreVersionUnsupported` for a newer
    store, `StoreUnavailable` and its kin otherwise. Several processes may do this at once.
    """
    with translated(settings.place):
        found = await version_of(link.fetch, settings)
    if found == SCHEMA_VERSION:
        return
    if settings.mode == "ro" and found:
        raise _outdated(found, settings, "and it was opened to read only")
    if not found and settings.mode != "rwc":
        message = f"{settings.place} holds no event store; make it with `{COMMAND} URL`."
        raise StoreUnavailable(message)
    try:
        await migrate(link, settings)
    except StoreReadOnly as error:
        if found:
            raise _outdated(found, settings, "and this role may not change that") from error
        message = (
            f"{settings.place} holds no event store, and this role may not make one. Run "
            f"`{COMMAND} URL` as a role that may, or let it run what `{COMMAND} --sql URL` prints."
        )
        raise StoreUnavailable(message) from error


def _outdated(found: int, settings: PostgresSettings, why: str) -> StoreError:
    return StoreUnavailable(
        f"{settings.place} has schema version {found}, this Backstory needs {SCHEMA_VERSION}, "
        f"{why}. Run `{COMMAND} URL` as a role that may."
    )


async def version_of(ask: Ask, settings: PostgresSettings) -> int:
    """Return the version of the store's tables, 0 when there are none.

    Raises `StoreDamaged`, `StoreVersionUnsupported`, and the driver's errors.
    """
    if not await _tables(ask, settings):
        return 0
    rows = await ask(f"SELECT version FROM {quoted(settings.schema)}.store")  # noqa: S608 - a quoted name
    version = int(rows[0]["version"])
    if version > SCHEMA_VERSION:
        raise StoreVersionUnsupported(found=version, supported=SCHEMA_VERSION, place=settings.place)
    return version


async def _tables(ask: Ask, settings: PostgresSettings) -> bool:
    """Return whether the tables of a store are there; raises `StoreDamaged` when others are."""
    rows = await ask(sql.TABLES, settings.schema, sorted(_TABLES))
    found = frozenset(rows[0]["found"] or ())
    if found and found != _TABLES:
        message = (
            f"{settings.place} holds tables of another program; "
            "give the event store a schema of its own. Nothing was changed."
        )
        raise StoreDamaged(message)
    return bool(found)


async def migrate(link: Link, settings: PostgresSettings, afterwards: Sequence[str] = ()) -> int:
    """Bring the schema to the newest version; return the version it had.

    All is done in one transaction, as are the statements to run *afterwards*.

    Raises as `prepare` does.
    """
    connection = link.connection
    with translated(settings.place):
        async with connection.transaction(isolation="read_committed"):
            lock = crc32(f"backstory {settings.schema}".encode())
            await connection.execute(f"SELECT pg_advisory_xact_lock({lock})")
            # Another process may have been first while this one waited for the lock.
            found = await version_of(connection.fetch, settings)
            if found < SCHEMA_VERSION:
                await _check_encoding(connection, settings)
                rows = await connection.fetch(sql.TABLES, settings.schema, [])
                steps = schema_sql(settings.schema, version=found, there=rows[0]["there"])
                for step in steps:
                    await connection.execute(step)
            for step in afterwards:
                await connection.execute(step)
    return found


async def _check_encoding(connection: Connection, settings: PostgresSettings) -> None:
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        message = (
            f"{settings.place}: the database's encoding is {encoding}, which cannot hold every "
            "name and text; make one with ENCODING 'UTF8'. Nothing was changed."
        )
        raise StoreUnavailable(message)
