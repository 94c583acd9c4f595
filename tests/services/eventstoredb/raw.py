"""Calls made of messages: what the official clients never ask for, or hide from their callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from tests.services.eventstoredb.served import Served

Reply = TypeVar("Reply", bound=Message)

STREAMS = "/event_store.client.streams.Streams/"


@contextmanager
def channel_to(served: Served) -> Iterator[grpc.Channel]:
    """Give a connection to the server."""
    with grpc.insecure_channel(
        f"localhost:{served.port}", options=[("grpc.max_receive_message_length", -1)]
    ) as channel:
        yield channel


def all_read(served: Served, request: pb.ReadReq, *, most: int = 10_000) -> list[pb.ReadResp]:
    """Return the answers to a read, *most* of them; raises `grpc.RpcError` when it fails."""
    with channel_to(served) as channel:
        call = channel.unary_stream(
            f"{STREAMS}Read",
            request_serializer=pb.ReadReq.SerializeToString,
            response_deserializer=pb.ReadResp.FromString,
        )(request, timeout=60)
        answers: list[pb.ReadResp] = []
        for answer in call:
            answers.append(answer)
            if len(answers) == most:
                call.cancel()
                break
        return answers


def asked(
    served: Served, path: str, requests: Iterable[Message], reply: type[Reply]
) -> list[Reply]:
    """Return the answers to *requests*, sent as one call of any kind."""
    with channel_to(served) as channel:
        call = channel.stream_stream(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply.FromString,
        )
        return list(call(iter(requests), timeout=60))


def read_of(stream: str | None, **options: object) -> pb.ReadReq:
    """Return a read of everything in *stream*, or in `$all`; *options* replace what it says."""
    request = pb.ReadReq()
    said = request.options
    if stream is None:
        said.all.start.SetInParent()
    else:
        said.stream.stream_identifier.stream_name = stream.encode()
        said.stream.start.SetInParent()
    said.count = 1_000
    said.no_filter.SetInParent()
    said.uuid_option.string.SetInParent()
    for name, value in options.items():
        if isinstance(value, Message):
            getattr(said, name).CopyFrom(value)
        else:
            setattr(said, name, value)
    return request
