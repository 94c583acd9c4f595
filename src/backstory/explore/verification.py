"""Checking a store that can be checked."""

from __future__ import annotations

from collections.abc import AsyncIterator

from backstory.core.errors import InvalidSetting
from backstory.core.store import EventStore, Fault, Verifying


def verification(store: EventStore) -> AsyncIterator[Fault | int]:
    """Yield every fault of *store* and, now and then, the position checked so far.

    Raises `InvalidSetting` when the store has no way to check itself.
    """
    if not isinstance(store, Verifying):
        message = "this kind of store cannot be verified; sqlite: stores can"
        raise InvalidSetting(message)
    return store.verify()
