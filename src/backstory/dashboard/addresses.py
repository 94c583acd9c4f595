"""Addresses of pages: each under the prefix, with whatever a stream may be called."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from backstory.core.events import RecordedEvent
from backstory.explore.filters import EventFilter

_NOT_A_SEGMENT: Final = re.compile(r"[/\\%]|^\.{1,2}$|\.json$", re.IGNORECASE)
"""What browsers and servers take for more than a name between two slashes."""


class Addresses(msgspec.Struct, frozen=True):
    """Makes addresses that begin with `prefix`."""

    prefix: str

    def page(self, path: str, **query: object) -> str:
        """Return the address of a page; parameters that are None or empty are left out."""
        said = {name: str(value) for name, value in query.items() if value is not None}
        said = {name: value for name, value in said.items() if value}
        return f"{self.prefix}{path}{'?' if said else ''}{urlencode(said)}"

    def stream(self, name: str, **query: object) -> str:
        """Return the address of a stream."""
        if _NOT_A_SEGMENT.search(name):
            return self.page("/stream", name=name, **query)
        return self.page(f"/streams/{quote(name, safe='')}", **query)

    def event(self, event: RecordedEvent) -> str:
        """Return the address of an event: its place in the log, where each stands alone."""
        return self.page(f"/events/{event.position}")

    def events(self, wanted: EventFilter, **query: object) -> str:
        """Return the address of the events that fit a filter."""
        return self.page("/events", filter=str(wanted), **query)

    def trace(self, correlation: str) -> str:
        """Return the address of a trace."""
        return self.page("/trace", correlation=correlation)

    def twin(self, address: str) -> str:
        """Return the address of the JSON twin of the page at *address*."""
        path, mark, query = address.partition("?")
        path = f"{self.prefix}/index" if path.rstrip("/") == self.prefix else path
        return f"{path}.json{mark}{query}"
