"""What a server can be told."""

from __future__ import annotations

import msgspec

from backstory.core.names import MAX_APPEND_BYTES, MAX_EVENT_BYTES


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, and what it allows.

    `advertised` is the host that clients are told when they discover the server; None: the one it
    listens on. `materialise` writes the links of `$ce-…`, `$et-…` and the like into the log. `seed`
    gives an empty store its first system event, as the original has it. Sizes are in bytes, times
    in seconds.
    """

    host: str = "127.0.0.1"
    port: int = 2113
    advertised: str | None = None
    materialise: bool = False
    seed: bool = True
    max_event_bytes: int = MAX_EVENT_BYTES
    max_append_bytes: int = MAX_APPEND_BYTES
    write_timeout: float = 2.0
    grace: float = 5.0
