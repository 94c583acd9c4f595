"""Names of schemas and tables, as PostgreSQL takes them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table

from backstory.core.errors import InvalidSetting

_MOST_BYTES: Final = 63


def quoted(name: str) -> str:
    """Return *name* in double quotes, for SQL that is run without parameters."""
    # SQLAlchemy's way doubles percent signs, which are halved again only with parameters.
    return '"' + name.replace('"', '""') + '"'


def place_of(connection: Connection, table: Table) -> str:
    """Return *table* with the schema it has on *connection*, quoted."""
    schema = connection.schema_for_object(table)
    name = quoted(table.name)
    return name if schema is None else f"{quoted(schema)}.{name}"


def checked_schema(name: str) -> str:
    """Return *name*; raises `InvalidSetting` when no schema can be called so."""
    if not name or "\0" in name or len(name.encode()) > _MOST_BYTES or name.startswith("pg_"):
        message = (
            f"{name!r} cannot name a schema: it has 1 to {_MOST_BYTES} bytes and does not begin "
            "with pg_"
        )
        raise InvalidSetting(message)
    return name
