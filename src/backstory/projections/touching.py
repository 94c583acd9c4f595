"""Which tables a statement touches: those on others may change places with it."""

from __future__ import annotations

from typing import Final, TypeAlias

from sqlalchemy import Table, UpdateBase
from sqlalchemy.sql.elements import ColumnClause, TextClause
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import FromClause, SelectBase
from sqlalchemy.sql.visitors import iterate

Touched: TypeAlias = frozenset[str]
"""The names of tables that foreign keys connect, with their schemas: they are all of one kin."""

_ELSEWHERE: Final = (SelectBase, TextClause, FunctionElement)
"""What may read any table: queries, SQL as text, functions of the server."""


def touched_by(statement: UpdateBase) -> Touched | None:
    """Return the kin of the one table that *statement* is about; None when there may be others.

    Not seen: what triggers do that somebody made in the database.
    """
    table = statement.table
    if not isinstance(table, Table):
        return None
    for element in iterate(statement):
        if isinstance(element, _ELSEWHERE) or element is None:
            return None
        source = element.table if isinstance(element, ColumnClause) else element
        if isinstance(source, FromClause) and source is not table:
            return None
    return _kin(table)


def _kin(table: Table) -> Touched | None:
    """Return the tables that foreign keys lead to from *table*, in whichever direction."""
    neighbours: dict[str, set[str]] = {}
    for one in table.metadata.tables.values():
        for key in one.foreign_keys:
            other = key.target_fullname.rpartition(".")[0]
            neighbours.setdefault(one.key, set()).add(other)
            neighbours.setdefault(other, set()).add(one.key)
    found, open_ends = {table.key}, [table.key]
    while open_ends:
        more = neighbours.get(open_ends.pop(), set()) - found
        found |= more
        open_ends += more
    return frozenset(found)
