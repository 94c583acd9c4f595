"""Opening the store a command was given, with no more rights than the command needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstory.core.store import EventStore

_WITH_MODES = ("sqlite:", "postgresql:", "postgres:")


def with_mode(url: str, mode: str) -> str:
    """Return *url* asking for *mode* (`ro`, `rw` or `rwc`), where its store knows modes."""
    if not url.startswith(_WITH_MODES):
        return url
    place, _, query = url.partition("?")
    settings = [item for item in query.split("&") if item and not item.startswith("mode=")]
    return f"{place}?{'&'.join([*settings, f'mode={mode}'])}"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[EventStore]:
    """Give the store at *url* and close it afterwards, whatever happens."""
    from backstory.stores.open import open_store

    store = await open_store(url)
    try:
        yield store
    finally:
        await store.close()


def opened_to_read(url: str) -> AbstractAsyncContextManager[EventStore]:
    """Give the store at *url*, which must be there: reading never creates one."""
    return opened(with_mode(url, "ro"))
