"""From a URL to a store. Drivers are imported only for the store that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backstory.core.clock import Clock, system_clock
from backstory.core.errors import InvalidSetting

if TYPE_CHECKING:
    from backstory.core.store import EventStore


async def open_store(url: str, *, clock: Clock = system_clock) -> EventStore:
    """Return the event store at *url*, created when it is not there yet.

    - `memory:` is an empty store in memory;
    - `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` is one SQLite file.

    Query parameters are the store's settings (`?busy_timeout=10`). Raises `InvalidSetting` for
    another scheme or an unknown setting, `StoreUnavailable` when the place cannot be opened,
    `StoreDamaged` and `StoreVersionUnsupported` for a file that cannot be used. Close what you
    opened, or use `async with contextlib.aclosing(...)`-like care: `await store.close()`.
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        from backstory.stores.memory import MemoryStore

        if url.rstrip("/") != "memory:":
            message = f"a store in memory has no name and no settings: write 'memory:', not {url!r}"
            raise InvalidSetting(message)
        return MemoryStore(clock=clock)
    if scheme == "sqlite":
        from backstory.stores.sqlite import SqliteStore

        return await SqliteStore.open(url, clock=clock)
    message = f"no event store speaks {scheme or url!r}: use sqlite:///file.db or memory:"
    raise InvalidSetting(message)
