"""The event store on KurrentDB or EventStoreDB, one node or a cluster, by the official client."""

from __future__ import annotations

from backstory.stores.kurrentdb.store import KurrentStore

__all__ = ["KurrentStore"]
