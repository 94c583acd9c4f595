"""The versions of our own tables in a read model, and the way from one to the next.

1. A checkpoint for each projection, and parked events (no `backstory_schema` yet).
2. A checkpoint for each partition, with the token of its lease; leases and their owners.

The tables of projections are none of this: a projection that changes is rebuilt.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    literal,
    select,
)

from backstory.core.errors import ReadModelVersionUnsupported
from backstory.projections.columns import UtcDateTime
from backstory.projections.tables import (
    checkpoint_table,
    lease_table,
    metadata,
    parked_table,
    schema_table,
)

VERSION: Final = 2
"""What this Backstory writes, and the newest it knows."""

_PART: Final = "read model"
_mine = schema_table.c.part == _PART
_find_version = select(schema_table.c.version).where(_mine)
_first = Table(
    "backstory_checkpoint_1",
    MetaData(),
    Column("projection", String(200), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)


def create_own_tables(connection: Connection) -> None:
    """Create our own tables, or bring those that are there to the present version.

    All in the transaction of *connection*, which must keep others from creating tables meanwhile.
    Raises `ReadModelVersionUnsupported` when a newer Backstory made them; then nothing is changed.
    """
    found = version_of(connection)
    if found == VERSION:
        return
    if found > VERSION:
        raise ReadModelVersionUnsupported(found=found, supported=VERSION)
    if found == 1:
        _rename_checkpoints(connection)
    metadata.create_all(connection)
    if found == 1:
        _move_checkpoints(connection)
        _add_partition(connection)
    connection.execute(delete(schema_table).where(_mine))
    connection.execute(insert(schema_table), {"part": _PART, "version": VERSION})


def version_of(connection: Connection) -> int:
    """Return the version of our tables, 0 when there are none."""
    if _is_there(connection, schema_table):
        version: int | None = connection.execute(_find_version).scalar()
        if version is not None:
            return version
    return 1 if _is_there(connection, checkpoint_table) else 0


def _is_there(connection: Connection, table: Table) -> bool:
    return inspect(connection).has_table(table.name, schema=connection.schema_for_object(table))


# From 1 to 2. A projection of version 1 had one partition and knew no leases.


def _rename_checkpoints(connection: Connection) -> None:
    _alter(connection, checkpoint_table, f"RENAME TO {_first.name}")


def _move_checkpoints(connection: Connection) -> None:
    old = select(_first.c.projection, literal(0), _first.c.position, literal(0))
    for table, columns, rows in (
        (checkpoint_table, _CHECKPOINT, old.add_columns(_first.c.updated_at)),
        (lease_table, _LEASE, select(_first.c.projection, literal(0), literal(0))),
    ):
        connection.execute(insert(table).from_select(columns, rows))
    _first.drop(connection)


_CHECKPOINT: Final = ["projection", "partition", "position", "token", "updated_at"]
_LEASE: Final = ["projection", "partition", "token"]


def _add_partition(connection: Connection) -> None:
    _alter(connection, parked_table, "ADD COLUMN partition INTEGER NOT NULL DEFAULT 0")


def _alter(connection: Connection, table: Table, change: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.schema_for_object(table)
    place = quoted(table.name) if schema is None else f"{quoted(schema)}.{quoted(table.name)}"
    connection.exec_driver_sql(f"ALTER TABLE {place} {change}")
