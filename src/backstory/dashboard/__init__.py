"""The Stream Browser: pages about a store for people, and their twins in JSON for programs.

Everything is read, nothing is changed. Pages are made on the server and can be read without a
script; what scripts add is moving by keys, copying, and new events as they come.
"""

from __future__ import annotations

from backstory.core.clock import Clock, system_clock
from backstory.core.store import EventStore
from backstory.dashboard.app import application
from backstory.dashboard.mounting import Dashboard

__all__ = ["Dashboard", "dashboard"]


def dashboard(
    store: EventStore,
    *,
    prefix: str | None = None,
    name: str = "Backstory",
    shown_url: str = "STORE_URL",
    clock: Clock = system_clock,
) -> Dashboard:
    """Return an ASGI application with the pages of *store*, to be mounted anywhere.

    Links begin with *prefix*; without one, with the path it is mounted at. *name* stands in the
    header, *shown_url* in the command lines that pages show (it should hold no password). The store
    stays open when the application ends.
    """
    return Dashboard(application(store, name=name, shown_url=shown_url, clock=clock), prefix)
