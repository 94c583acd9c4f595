"""Listing names along the indexes: one step for each name, whatever there is between them."""

from __future__ import annotations

from collections.abc import Sequence

from backstory.core.listing import NameEnds, Names, StreamEnds
from backstory.stores.postgres import statements as sql
from backstory.stores.postgres.link import Row
from backstory.stores.postgres.pool import Pool


async def streams_page(pool: Pool, names: Names) -> list[StreamEnds]:
    """Return one page of the streams."""
    return [StreamEnds(*row) for row in await _ask(pool, sql.STREAMS_NAMED, names)]


async def categories_page(pool: Pool, names: Names) -> list[NameEnds]:
    """Return one page of the categories."""
    return await _name_ends(pool, sql.CATEGORIES_NAMED, names)


async def types_page(pool: Pool, names: Names) -> list[NameEnds]:
    """Return one page of the event types."""
    return await _name_ends(pool, sql.TYPES_NAMED, names)


async def _name_ends(pool: Pool, statement: str, names: Names) -> list[NameEnds]:
    """Return the ends of names that have events; those whose events were all erased are passed."""
    found: list[NameEnds] = []
    wanted = names
    while len(found) < names.limit:
        page = await _ask(pool, statement, wanted)
        found += [NameEnds(name, first, last) for name, first, last in page if first is not None]
        if len(page) < wanted.limit:
            break
        wanted = Names(prefix=names.prefix, after=page[-1][0], limit=names.limit)
    return found[: names.limit]


async def _ask(pool: Pool, statement: str, names: Names) -> Sequence[Row]:
    """Ask *statement* behind a name, or from the prefix itself on."""
    prefix = _known(names.prefix)
    after = None if names.after is None else _known(names.after)
    if after is not None and after.encode() >= prefix.encode():
        return await pool.fetch(statement, prefix, after, names.limit)
    return await pool.fetch(statement.replace("> $2", ">= $2"), prefix, prefix, names.limit)


def _known(name: str) -> str:
    """Return *name* as the server can take it; what it could not store is in no name there."""
    return name.replace("\0", "\ufffd").encode(errors="surrogatepass").decode(errors="replace")
