"""The service `Gossip`: a cluster of one, whose leader this node is."""

from __future__ import annotations

from functools import partial
from typing import Final

from kurrentdbclient.protos.v1 import gossip_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.calls import Call, Method, unary
from backstory.server.node import Node
from backstory.server.wire.ids import fill_uuid

_PATH: Final = "/event_store.client.gossip.Gossip/Read"
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0", "::"})  # noqa: S104 - compared with


def methods(node: Node) -> list[Method]:
    """Return the method of the service, answered for *node*."""
    return [unary(_PATH, shared.Empty, pb.ClusterInfo, partial(_read, node))]


async def _read(
    node: Node, _request: shared.Empty, _call: Call[shared.Empty, pb.ClusterInfo]
) -> pb.ClusterInfo:
    answer = pb.ClusterInfo()
    member = answer.members.add()
    fill_uuid(member.instance_id, node.id.bytes, structured=False)
    member.time_stamp = int(node.clock().timestamp() * 10_000_000)
    member.state = pb.MemberInfo.Leader
    member.is_alive = True
    member.http_end_point.address = advertised_host(node)
    member.http_end_point.port = node.port
    return answer


def advertised_host(node: Node) -> str:
    """Return the host that clients are told; on this machine alone it is `localhost`."""
    settings = node.settings
    if settings.advertised is not None:
        return settings.advertised
    return "localhost" if settings.host in _LOCAL else settings.host
