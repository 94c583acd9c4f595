"""From a URL to a store. Drivers are imported only for the store that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidSetting

if TYPE_CHECKING:
    from backstory.core.store import EventStore


async def open_store(url: str, *, clock: Clock = system_clock) -> EventStore:
    """Return the event store at *url*, created when it is not there yet.

    - `memory:` is an empty store in memory;
    - `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` is one SQLite file;
    - `postgresql://user:password@host:port/database` is a schema of a PostgreSQL database;
    - `esdb://host:2113?tls=false`, `kurrentdb+discover://name` is a KurrentDB or EventStoreDB
      server or cluster, with the settings of its official clients.

    Query parameters are the store's settings (`?busy_timeout=10`). Raises `InvalidSetting` for
    another scheme or an unknown setting, `StoreUnavailable` when the place cannot be opened,
    `StoreDamaged` and `StoreVersionUnsupported` for a file that cannot be used. Close what you
    opened, or use `async with contextlib.aclosing(...)`-like care: `await store.close()`.
    """
    scheme = url.partition(":")[0].lower()  # what stands before it holds no password
    if scheme == "memory":
        from backstory.stores.memory import MemoryStore

        if url.rstrip("/") != "memory:":
            message = f"a store in memory has no name and no settings: write 'memory:', not {url!r}"
            raise InvalidSetting(message)
        return MemoryStore(clock=clock)
    if scheme == "sqlite":
        from backstory.stores.sqlite import SqliteStore

        return await SqliteStore.open(url, clock=clock)
    if scheme in {"postgresql", "postgres"}:
        return await _postgres_store(url, clock)
    if scheme.partition("+")[0] in {"esdb", "kurrentdb", "kdb"}:
        return await _kurrent_store(url)
    message = (
        f"no event store speaks {scheme!r}: use sqlite:///file.db, "
        "postgresql://host/database, esdb://host:2113 or memory:"
    )
    raise InvalidSetting(message)


async def _postgres_store(url: str, clock: Clock) -> EventStore:
    try:
        from backstory.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        message = "an event store on PostgreSQL needs its driver: pip install 'backstory[postgres]'"
        raise InvalidSetting(message) from error
    return await PostgresStore.open(url, clock=clock)


async def _kurrent_store(url: str) -> EventStore:
    try:
        from backstory.stores.kurrentdb import KurrentStore
    except ModuleNotFoundError as error:
        if error.name not in {"kurrentdbclient", "grpc"}:
            raise
        message = "an event store on KurrentDB needs its client: pip install 'backstory[kurrentdb]'"
        raise InvalidSetting(message) from error
    return await KurrentStore.open(url)
