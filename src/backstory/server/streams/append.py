"""Append: the options first, then an event with each message."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.expected import WrongExpectedRevision
from backstory.server.calls import Call
from backstory.server.failures import invalid_argument
from backstory.server.node import Node
from backstory.server.streams.answers import appended_answer, conflict_answer
from backstory.server.streams.appending import Gathering, written
from backstory.server.streams.names import expected_of, writable_stream


async def append(node: Node, call: Call[pb.AppendReq, pb.AppendResp]) -> pb.AppendResp:
    """Append what the client sends, all or none, once it has sent its last event."""
    first = await call.receive()
    if first is None or first.WhichOneof("content") != "options":
        text = "the first message of an append holds its options"
        raise invalid_argument(text)
    stream = writable_stream(first.options.stream_identifier)
    options = first.options
    expected = expected_of(options.WhichOneof("expected_stream_revision"), options.revision)
    gathering = Gathering(node)
    while (message := await call.receive()) is not None:
        if message.WhichOneof("content") != "proposed_message":
            text = "every message of an append but the first holds an event"
            raise invalid_argument(text)
        gathering.add(message.proposed_message)
    try:
        return appended_answer(await written(node, stream, gathering.events, expected))
    except WrongExpectedRevision as error:
        return conflict_answer(error)
