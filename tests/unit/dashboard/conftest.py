"""Pages of three stores: an empty one, one with a story, and one full of hostile names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from backstory import EventStore, NewEvent
from backstory.dashboard import dashboard
from backstory.stores.memory import MemoryStore

HOSTILE = (
    "<script>alert(1)</script>", "a/b", "../up", "..", ".", "a b?c=d&e#f", "100%", "%2F", "'\"`",
    "back\\slash", "name.json", "ä-😀", "//x", "x" * 900, "user-{{7*7}}", "$$odd",
)  # fmt: skip


def serving(store: EventStore, prefix: str | None = None, root: str = "") -> httpx.AsyncClient:
    """Return a client of the pages of *store*."""
    app = dashboard(store, prefix=prefix)
    transport = httpx.ASGITransport(app, root_path=root)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def story() -> EventStore:
    """Return a store in which a payment caused a mail."""
    store = MemoryStore()
    for number in range(250):
        await store.append("order-1", [NewEvent.of("item-added", {"n": number, "price": 1.50})])
    paid = NewEvent.of("order-paid", {"by": "Ann"}, metadata={"$correlationId": "web-1"})
    meta = {"$correlationId": "web-1", "$causationId": str(paid.id)}
    await store.append("order-1", [paid])
    await store.append("mail-1", [NewEvent.of("mail-sent", {"to": "Ann"}, metadata=meta)])
    await store.append("$$order-1", [NewEvent.of("$metadata", {"$maxCount": 1_000})])
    await store.append("gone-1", [NewEvent.of("a", {})])
    await store.tombstone("gone-1")
    return store


async def hostile() -> EventStore:
    """Return a store whose names and data would like to be more than text."""
    store = MemoryStore()
    for name in HOSTILE:
        data = {"<b>": "</code><script>alert(2)</script>", "\u202e": "\u0000\u2028"}
        meta = {"$correlationId": name, "$causationId": "<i>"}
        await store.append(name, [NewEvent.of(f"<i>{name[:20]}", data, metadata=meta)])
    return store


@pytest.fixture(params=["empty", "story", "hostile"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[EventStore]:
    """Give each of the stores."""
    made = {"story": story, "hostile": hostile}.get(request.param)
    store = MemoryStore() if made is None else await made()
    yield store
    await store.close()
