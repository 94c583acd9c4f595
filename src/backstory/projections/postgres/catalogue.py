"""What PostgreSQL's catalogue knows of a table beside its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, Table, text

from backstory.projections.postgres.names import quoted

_EXISTS: Final = text("SELECT to_regclass(:place) IS NOT NULL")
_DEPENDENTS: Final = text("""
SELECT DISTINCT others.oid::regclass::text AS name
FROM (
    SELECT r.ev_class AS oid
    FROM pg_depend AS d
    JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    WHERE d.refobjid = to_regclass(:place)
    UNION
    SELECT conrelid FROM pg_constraint WHERE confrelid = to_regclass(:place) AND contype = 'f'
) AS others
WHERE others.oid <> ALL (CAST(:mine AS regclass[]))
ORDER BY name
""")
_INDEXES: Final = text("""
SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(:place)
""")
_ADDED: Final = text("""
SELECT 'trigger ' || tgname FROM pg_trigger
WHERE tgrelid = to_regclass(:place) AND NOT tgisinternal
UNION ALL
SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = to_regclass(:place)
""")
_GRANTS: Final = text("""
SELECT a.privilege_type AS what, a.is_grantable AS may_grant,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS who
FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
WHERE c.oid = to_regclass(:place) AND a.grantee <> c.relowner
""")
_OWNER: Final = text(
    "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = to_regclass(:place)"
)
_COLUMN_GRANTS: Final = text("""
SELECT a.privilege_type AS what, a.is_grantable AS may_grant, quote_ident(t.attname) AS column,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS who
FROM pg_attribute AS t CROSS JOIN aclexplode(t.attacl) AS a
WHERE t.attrelid = to_regclass(:place)
""")
_SEQUENCE: Final = text("SELECT to_regclass(pg_get_serial_sequence(:place, :column))::text")


def place_of(table: Table) -> str:
    """Return *table* with its schema, quoted."""
    return f"{quoted(str(table.schema))}.{quoted(table.name)}"


def exists(connection: Connection, table: Table) -> bool:
    """Say whether *table*, which names its schema, is there."""
    return bool(connection.execute(_EXISTS, {"place": place_of(table)}).scalar_one())


def dependents(connection: Connection, table: Table, mine: Sequence[Table]) -> Sequence[str]:
    """Return the views, and tables with foreign keys, that hang on *table* and are not *mine*."""
    given = {"place": place_of(table), "mine": [place_of(one) for one in mine]}
    return list(connection.execute(_DEPENDENTS, given).scalars())


def extras(connection: Connection, table: Table, declared: Table) -> Sequence[str]:
    """Return the indexes, triggers and policies that *table* has and *declared* has not."""
    there, wanted = (
        set(connection.execute(_INDEXES, {"place": place_of(one)}).scalars())
        for one in (table, declared)
    )
    indexes = [f"index {name}" for name in sorted(there - wanted)]
    return [*indexes, *sorted(connection.execute(_ADDED, {"place": place_of(table)}).scalars())]


def ownership(connection: Connection, like: Table, to: Table) -> str:
    """Return the statement that gives *to* the owner of *like*."""
    owner = connection.execute(_OWNER, {"place": place_of(like)}).scalar_one()
    return f"ALTER TABLE {place_of(to)} OWNER TO {owner}"


def grants(connection: Connection, like: Table, to: Table) -> Iterator[str]:
    """Yield the statements that allow with *to*, and its sequence, what is allowed with *like*."""
    given = {"place": place_of(like)}
    for row in connection.execute(_GRANTS, given).all():
        yield f"GRANT {row.what} ON {place_of(to)} TO {row.who}{_option(may=row.may_grant)}"
    for row in connection.execute(_COLUMN_GRANTS, given).all():
        if row.column in {quoted(c.name) for c in to.columns} | {c.name for c in to.columns}:
            what = f"{row.what} ({row.column})"
            yield f"GRANT {what} ON {place_of(to)} TO {row.who}{_option(may=row.may_grant)}"
    column = to.autoincrement_column
    if column is None:
        return
    olds, news = (
        connection.execute(_SEQUENCE, {"place": place_of(one), "column": column.name}).scalar()
        for one in (like, to)
    )
    if olds and news:
        for row in connection.execute(_GRANTS, {"place": olds}).all():
            yield f"GRANT {row.what} ON SEQUENCE {news} TO {row.who}{_option(may=row.may_grant)}"


def _option(*, may: bool) -> str:
    return " WITH GRANT OPTION" if may else ""
