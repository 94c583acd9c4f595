"""Roles, and which of them a call needs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a user may do; each role may do what those before it may."""

    READER = "reader"
    """Read streams, and take part in persistent subscriptions."""
    WRITER = "writer"
    """Append and delete, and set up persistent subscriptions."""
    OPS = "ops"
    """End streams for good, scavenge, and manage projections."""
    ADMIN = "admin"
    """Everything."""

    def covers(self, needed: Role) -> bool:
        """Return whether whoever has this role may do what *needed* may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


_STREAMS: Final = "/event_store.client.streams.Streams/"
_GROUPS: Final = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/"
_PROJECTIONS: Final = "/event_store.client.projections.Projections/"
_FEATURES: Final = "/event_store.client.server_features.ServerFeatures/"
_GOSSIP: Final = "/event_store.client.gossip.Gossip/"

_NEEDED: Final[Mapping[str, Role]] = MappingProxyType(
    {
        f"{_STREAMS}Read": Role.READER,
        f"{_STREAMS}Append": Role.WRITER,
        f"{_STREAMS}BatchAppend": Role.WRITER,
        f"{_STREAMS}Delete": Role.WRITER,
        f"{_GROUPS}Read": Role.READER,
        f"{_GROUPS}GetInfo": Role.READER,
        f"{_GROUPS}List": Role.READER,
        f"{_GROUPS}Create": Role.WRITER,
        f"{_GROUPS}Update": Role.WRITER,
        f"{_GROUPS}Delete": Role.WRITER,
        f"{_GROUPS}ReplayParked": Role.WRITER,
        f"{_PROJECTIONS}Statistics": Role.READER,
        f"{_PROJECTIONS}State": Role.READER,
        f"{_PROJECTIONS}Result": Role.READER,
    }
)

_OPEN: Final = (_FEATURES, _GOSSIP)
"""What clients ask before they say who they are: which methods there are, and where the node is."""


def needed_for(path: str) -> Role | None:
    """Return the role that a call of *path* needs, None when nobody needs one.

    What is not named needs `OPS`: a method that is added is closed until somebody opens it.
    """
    if path.startswith(_OPEN):
        return None
    return _NEEDED.get(path, Role.OPS)
