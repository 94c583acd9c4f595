"""The service `event_store.client.streams.Streams`."""

from __future__ import annotations

from functools import partial
from typing import Final

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.server.calls import Method, client_stream, duplex, server_stream, unary
from backstory.server.node import Node
from backstory.server.streams.append import append
from backstory.server.streams.batch import append_batches
from backstory.server.streams.delete import delete, tombstone
from backstory.server.streams.read import read

_SERVICE: Final = "/event_store.client.streams.Streams"


def methods(node: Node) -> list[Method]:
    """Return the methods of the service, answered from *node*."""
    return [
        server_stream(f"{_SERVICE}/Read", pb.ReadReq, pb.ReadResp, partial(read, node)),
        client_stream(f"{_SERVICE}/Append", pb.AppendReq, pb.AppendResp, partial(append, node)),
        duplex(
            f"{_SERVICE}/BatchAppend",
            pb.BatchAppendReq,
            pb.BatchAppendResp,
            partial(append_batches, node),
        ),
        unary(f"{_SERVICE}/Delete", pb.DeleteReq, pb.DeleteResp, partial(delete, node)),
        unary(f"{_SERVICE}/Tombstone", pb.TombstoneReq, pb.TombstoneResp, partial(tombstone, node)),
    ]
