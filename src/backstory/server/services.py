"""Every service that a server answers."""

from __future__ import annotations

from backstory.server import features, gossip, operations, persistent, projections, streams
from backstory.server.calls import Method
from backstory.server.node import Node


def methods(node: Node) -> list[Method]:
    """Return the methods of all services, answered from *node*."""
    found = [
        *streams.methods(node),
        *persistent.methods(node),
        *projections.methods(node),
        *gossip.methods(node),
        *operations.methods(node),
    ]
    return [*found, *features.methods(found)]
