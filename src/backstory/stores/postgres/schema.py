"""What an administrator does with a store's schema: make it, migrate it, look at it, grant it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from backstory.core.errors import StoreUnavailable
from backstory.stores.postgres.connector import Connector
from backstory.stores.postgres.errors import translated
from backstory.stores.postgres.link import Link
from backstory.stores.postgres.migrations import (
    SCHEMA_VERSION,
    migrate,
    schema_sql,
    version_of,
)
from backstory.stores.postgres.roles import roles_sql
from backstory.stores.postgres.settings import PostgresSettings


class Rights(msgspec.Struct, frozen=True):
    """Which roles may append and read, and which may only read."""

    appenders: Sequence[str] = ()
    readers: Sequence[str] = ()

    def sql(self, schema: str) -> list[str]:
        """Return what grants them in *schema*."""
        return roles_sql(schema, appenders=self.appenders, readers=self.readers)


class SchemaState(msgspec.Struct, frozen=True):
    """The version of a store's tables, 0 without any, and the newest one known here."""

    schema: str
    version: int
    newest: int = SCHEMA_VERSION


NO_RIGHTS = Rights()


async def look_at_schema(url: str) -> SchemaState:
    """Return what stands in the schema of the store at *url*; changes nothing.

    Raises `StoreDamaged` for tables of another program, `StoreVersionUnsupported` for a newer
    store, and `StoreUnavailable` and its kin.
    """
    async with _connected(url) as (link, settings):
        with translated(settings.place):
            return SchemaState(settings.schema, await version_of(link.fetch, settings))


async def bring_up_to_date(url: str, rights: Rights = NO_RIGHTS) -> SchemaState:
    """Make or migrate the schema of the store at *url* and grant *rights*; return what it was.

    Raises as `look_at_schema` does.
    """
    async with _connected(url) as (link, settings):
        if not settings.writable:
            message = f"{settings.place} was opened to read only (mode=ro)"
            raise StoreUnavailable(message)
        found = await migrate(link, settings, rights.sql(settings.schema))
    return SchemaState(settings.schema, found)


def sql_to_bring_up_to_date(url: str, version: int, rights: Rights = NO_RIGHTS) -> str:
    """Return what `bring_up_to_date` would have the server do, as a script; asks no server.

    *version* is the one the schema has, 0 when there is none.
    """
    schema = PostgresSettings.from_url(url).schema
    steps = schema_sql(schema, version=version, there=version > 0)
    return "\n\n".join(["BEGIN;", *steps, *rights.sql(schema), "COMMIT;"])


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[tuple[Link, PostgresSettings]]:
    settings = PostgresSettings.from_url(url)
    link = await Connector(settings).connect()
    try:
        yield link, settings
    finally:
        await link.close()
