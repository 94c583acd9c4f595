"""The service `event_store.client.projections.Projections`.

The projections of the system are native: their links are made or written by `server.virtual`.
Those that users bring are JavaScript, which is kept, listed and managed, and not run: each says so.
"""

from __future__ import annotations

from typing import Final

from kurrentdbclient.protos.v1 import projections_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.server.calls import Method, server_stream, unary
from backstory.server.node import Node
from backstory.server.projections.service import Service

_SERVICE: Final = "/event_store.client.projections.Projections"


def methods(node: Node) -> list[Method]:
    """Return the methods of the service, answered from *node*."""
    service = Service(node)
    empty = shared.Empty
    statistics = pb.StatisticsReq, pb.StatisticsResp
    return [
        unary(f"{_SERVICE}/Create", pb.CreateReq, pb.CreateResp, service.create),
        unary(f"{_SERVICE}/Update", pb.UpdateReq, pb.UpdateResp, service.update),
        unary(f"{_SERVICE}/Delete", pb.DeleteReq, pb.DeleteResp, service.delete),
        server_stream(f"{_SERVICE}/Statistics", *statistics, service.statistics),
        unary(f"{_SERVICE}/Disable", pb.DisableReq, pb.DisableResp, service.disable),
        unary(f"{_SERVICE}/Enable", pb.EnableReq, pb.EnableResp, service.enable),
        unary(f"{_SERVICE}/Reset", pb.ResetReq, pb.ResetResp, service.reset),
        unary(f"{_SERVICE}/State", pb.StateReq, pb.StateResp, service.state),
        unary(f"{_SERVICE}/Result", pb.ResultReq, pb.ResultResp, service.result),
        unary(f"{_SERVICE}/RestartSubsystem", empty, empty, service.restart),
    ]
