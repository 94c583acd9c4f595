"""Delete hides a stream until something is appended to it; Tombstone ends it for good."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.errors import BackstoryError
from backstory.core.retaining import StreamDeleted
from backstory.server.calls import Call
from backstory.server.node import Node
from backstory.server.streams.names import expected_of, writable_stream
from backstory.server.translation import translated
from backstory.stores.retention import writing


async def delete(
    node: Node, request: pb.DeleteReq, _call: Call[pb.DeleteReq, pb.DeleteResp]
) -> pb.DeleteResp:
    """Hide a stream, and answer where that is written down."""
    stream = writable_stream(request.options.stream_identifier)
    options = request.options
    expected = expected_of(options.WhichOneof("expected_stream_revision"), options.revision)
    try:
        done = await writing.delete(node.store, stream, expected=expected, clock=node.clock)
    except BackstoryError as error:
        raise translated(error, operation="Delete") from error
    answer = pb.DeleteResp()
    answer.position.commit_position = answer.position.prepare_position = done.position
    return answer


async def tombstone(
    node: Node, request: pb.TombstoneReq, _call: Call[pb.TombstoneReq, pb.TombstoneResp]
) -> pb.TombstoneResp:
    """End a stream for good, and answer where its tombstone stands."""
    stream = writable_stream(request.options.stream_identifier)
    options = request.options
    expected = expected_of(options.WhichOneof("expected_stream_revision"), options.revision)
    try:
        done = await writing.end(node.store, stream, expected=expected, clock=node.clock)
    except StreamDeleted:
        raise
    except BackstoryError as error:
        raise translated(error, operation="Delete") from error
    answer = pb.TombstoneResp()
    answer.position.commit_position = answer.position.prepare_position = done.position
    return answer
