"""Listing names along the indexes: one step for each name, whatever there is between them."""

from __future__ import annotations

from typing import cast

import apsw

from backstory.core.listing import NameEnds, Names, StreamEnds
from backstory.stores.sqlite import statements as sql


def streams_page(connection: apsw.Connection, names: Names) -> list[StreamEnds]:
    """Return one page of the streams."""
    rows = connection.execute(*_question(sql.STREAMS_NAMED, names))
    return [StreamEnds(*cast("tuple[str, int, int, int, int]", row)) for row in rows]


def categories_page(connection: apsw.Connection, names: Names) -> list[NameEnds]:
    """Return one page of the categories."""
    return _name_ends(connection, sql.CATEGORIES_NAMED, names)


def types_page(connection: apsw.Connection, names: Names) -> list[NameEnds]:
    """Return one page of the event types."""
    return _name_ends(connection, sql.TYPES_NAMED, names)


def _name_ends(connection: apsw.Connection, statement: str, names: Names) -> list[NameEnds]:
    """Return the ends of names that have events; those whose events were all erased are passed."""
    found: list[NameEnds] = []
    wanted = names
    while len(found) < names.limit:
        rows = connection.execute(*_question(statement, wanted)).fetchall()
        page = [cast("tuple[str, int | None, int | None]", row) for row in rows]
        found += [
            NameEnds(name, first, last)
            for name, first, last in page
            if first is not None and last is not None
        ]
        if len(page) < wanted.limit:
            break
        wanted = Names(prefix=names.prefix, after=page[-1][0], limit=names.limit)
    return found[: names.limit]


def _question(statement: str, names: Names) -> tuple[str, dict[str, str | int]]:
    """Return *statement* and its values: behind a name, or from the prefix itself on."""
    prefix = _known(names.prefix)
    after = None if names.after is None else _known(names.after)
    values: dict[str, str | int] = {"prefix": prefix, "count": names.limit}
    if after is not None and after.encode() >= prefix.encode():
        return statement, {**values, "start": after}
    return statement.replace("> :start", ">= :start"), {**values, "start": prefix}


def _known(name: str) -> str:
    """Return *name* as far as it can be stored: up to its first lone surrogate."""
    return name.encode(errors="surrogatepass").decode(errors="replace")
