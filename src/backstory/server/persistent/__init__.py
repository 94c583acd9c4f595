"""The service `event_store.client.persistent_subscriptions.PersistentSubscriptions`."""

from __future__ import annotations

from functools import partial
from typing import Final

from kurrentdbclient.protos.v1 import persistent_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.calls import Method, duplex, unary
from backstory.server.node import Node
from backstory.server.persistent.consuming import consume
from backstory.server.persistent.groups import Groups
from backstory.server.persistent.service import Service

_SERVICE: Final = "/event_store.client.persistent_subscriptions.PersistentSubscriptions"


def methods(node: Node) -> list[Method]:
    """Return the methods of the service, answered from *node*."""
    groups = Groups(node)
    node.on_close(groups.close)
    service = Service(node, groups)
    empty = shared.Empty
    return [
        unary(f"{_SERVICE}/Create", pb.CreateReq, pb.CreateResp, service.create),
        unary(f"{_SERVICE}/Update", pb.UpdateReq, pb.UpdateResp, service.update),
        unary(f"{_SERVICE}/Delete", pb.DeleteReq, pb.DeleteResp, service.delete),
        duplex(f"{_SERVICE}/Read", pb.ReadReq, pb.ReadResp, partial(consume, groups)),
        unary(f"{_SERVICE}/GetInfo", pb.GetInfoReq, pb.GetInfoResp, service.info),
        unary(f"{_SERVICE}/ReplayParked", pb.ReplayParkedReq, pb.ReplayParkedResp, service.replay),
        unary(f"{_SERVICE}/List", pb.ListReq, pb.ListResp, service.list),
        unary(f"{_SERVICE}/RestartSubsystem", empty, empty, service.restart),
    ]
