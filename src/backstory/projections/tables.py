"""The tables every read model holds beside those of its projections."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from backstory.projections.columns import UtcDateTime

metadata: MetaData = MetaData()

schema_table: Table = Table(
    "backstory_schema",
    metadata,
    Column("part", String(50), primary_key=True),
    Column("version", Integer, nullable=False),
)
"""The version of these tables; see `migrating`."""

checkpoint_table: Table = Table(
    "backstory_checkpoint",
    metadata,
    Column("projection", String(200), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""The position each partition has applied; moved in the transaction that writes its rows.

`token` is that of the lease last taken: who holds an older one moves nothing.
"""

lease_table: Table = Table(
    "backstory_lease",
    metadata,
    Column("projection", String(200), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(200)),
    Column("token", BigInteger, nullable=False),
    Column("seconds", Float),
    Column("expires_at", UtcDateTime),
    Column("taken_at", UtcDateTime),
)
"""Which process applies a partition. `token` only ever grows; times are the database's own."""

owner_table: Table = Table(
    "backstory_owner",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("projection", String(200), primary_key=True),
    Column("seconds", Float, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
"""Which processes share the partitions of a projection, also those that hold none yet."""

parked_table: Table = Table(
    "backstory_parked",
    metadata,
    Column("projection", String(200), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("partition", Integer, nullable=False, server_default="0"),
    Column("event_id", String(36), nullable=False),
    Column("stream", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("traceback", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("parked_at", UtcDateTime, nullable=False),
)
"""Events set aside. Their data stays in the store, so personal data is not kept twice."""

Index(
    "backstory_parked_stream",
    parked_table.c.projection,
    parked_table.c.stream,
    parked_table.c.position,
)


def create_tables(connection: Connection, tables: Iterable[Table]) -> None:
    """Create those of *tables* that are not there yet."""
    for owner, owned in _by_metadata(tables):
        owner.create_all(connection, tables=owned)


def drop_tables(connection: Connection, tables: Iterable[Table]) -> None:
    """Drop *tables* with all they hold, numbers given to rows included."""
    for owner, owned in _by_metadata(tables):
        owner.drop_all(connection, tables=owned)


def _by_metadata(tables: Iterable[Table]) -> list[tuple[MetaData, list[Table]]]:
    # SQLAlchemy orders tables by their foreign keys, but only within one MetaData.
    owners: dict[int, tuple[MetaData, list[Table]]] = {}
    for table in tables:
        owners.setdefault(id(table.metadata), (table.metadata, []))[1].append(table)
    return list(owners.values())
