"""The user service on a moment of the past, for `backstory reproduce --serve demo`."""

from __future__ import annotations

from litestar import Litestar

from backstory import EventStore, ReadModel, system_clock
from backstory.demo.event_sourced import EventSourcedUsers
from backstory.demo.service import service as web


async def service(store: EventStore, read_model_url: str) -> Litestar:
    """Return the ASGI application on *store*, which takes no append, and a read model of then.

    Reads answer as they did; a write is answered 503, because nothing can happen in the past.
    """
    read_model = await ReadModel.open(read_model_url)
    return web(EventSourcedUsers(store, read_model, clock=system_clock))
