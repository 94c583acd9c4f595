"""An event store in a PostgreSQL schema: shared by processes and machines, with group commit."""

from backstory.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
