"""An event store in one SQLite file: durable, shared by processes, with group commit."""

from backstory.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
