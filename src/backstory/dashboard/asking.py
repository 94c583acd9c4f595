"""What a request asks for: its parameters, checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from litestar import Request
from litestar.datastructures import State

from backstory.core.clock import Clock
from backstory.core.errors import InvalidInput
from backstory.core.store import EventStore
from backstory.dashboard.addresses import Addresses
from backstory.dashboard.mounting import PREFIX

if TYPE_CHECKING:
    from typing import TypeAlias

Page: TypeAlias = "Request[Any, Any, State]"

PER_PAGE: Final = 100
_LARGEST: Final = 1 << 63


class Ask(msgspec.Struct, frozen=True):
    """One request: what it is about, and what its answer needs."""

    store: EventStore
    to: Addresses
    query: Mapping[str, str]
    now: datetime
    shown_url: str
    address: str
    """The path and query of the page, without the suffix of a twin."""

    def number(self, name: str) -> int | None:
        """Return a parameter that is a whole number, None when it is not given."""
        text = self.query.get(name, "").strip()
        if not text:
            return None
        if not text.lstrip("-").isdecimal() or not -_LARGEST <= int(text) < _LARGEST:
            message = f"{name} is a whole number of 64 bits, not {text[:40]!r}"
            raise InvalidInput(message)
        return int(text)

    def text(self, name: str) -> str:
        """Return a parameter, empty when it is not given."""
        return self.query.get(name, "")

    def command(self, command: str, *arguments: str) -> str:
        """Return the command line that shows the same."""
        quoted = " ".join(_quoted(argument) for argument in arguments if argument)
        return f"backstory {command} {self.shown_url} {quoted}".rstrip()


def asked(request: Page) -> Ask:
    """Return what *request* asks for."""
    state = request.app.state
    clock: Clock = state.clock
    to = Addresses(str(request.scope.get(PREFIX, "")))
    path = quote(request.scope["path"].removesuffix(".json"))
    raw = request.scope.get("query_string", b"").decode("latin-1")
    address = f"{to.prefix}{path}{'?' if raw else ''}{raw}"
    query = {str(name): str(value) for name, value in request.query_params.items()}
    return Ask(state.store, to, query, clock(), state.shown_url, address)


def _quoted(argument: str) -> str:
    plain = argument.replace("-", "").replace("_", "").replace(":", "").replace(".", "")
    if plain.isalnum() and plain.isascii():
        return argument
    return "'" + argument.replace("'", "'\\''") + "'"
