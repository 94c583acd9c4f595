"""A server in a process of its own: `python -m bench.eventstoredb.serve null|STORE_URL`.

Prints the port once it listens; ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory import open_store
from backstory.server.calls import Call, Method, client_stream, duplex, server_stream
from backstory.server.serving import serving
from backstory.server.settings import ServerSettings
from backstory.server.transport.front import Front
from backstory.server.transport.grpc import GrpcConnections

_STREAMS = "/event_store.client.streams.Streams"
_TOGETHER = 64


async def _append(call: Call[pb.AppendReq, pb.AppendResp]) -> pb.AppendResp:
    while await call.receive() is not None:
        pass
    answer = pb.AppendResp()
    answer.success.current_revision = answer.success.position.commit_position = 1
    return answer


async def _batches(call: Call[pb.BatchAppendReq, pb.BatchAppendResp]) -> None:
    while (request := await call.receive()) is not None:
        answer = pb.BatchAppendResp(correlation_id=request.correlation_id)
        answer.stream_identifier.CopyFrom(request.options.stream_identifier)
        answer.success.current_revision = answer.success.position.commit_position = 1
        await call.send(answer)


async def _read(request: pb.ReadReq, call: Call[pb.ReadReq, pb.ReadResp]) -> None:
    message = pb.ReadResp()
    event = message.event.event
    event.id.string = "f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f"
    event.stream_identifier.stream_name = b"bench-1"
    event.metadata.update(
        {"type": "measured", "created": "17954776129651730", "content-type": "application/json"}
    )
    event.data, event.commit_position, event.prepare_position = (
        b'{"n":1,"text":"' + b"x" * 80 + b'"}',
        1,
        1,
    )
    message.event.commit_position = 1
    left = request.options.count
    while left > 0:
        await call.send(*([message] * min(left, _TOGETHER)))
        left -= _TOGETHER


def _methods() -> list[Method]:
    return [
        client_stream(f"{_STREAMS}/Append", pb.AppendReq, pb.AppendResp, _append),
        duplex(f"{_STREAMS}/BatchAppend", pb.BatchAppendReq, pb.BatchAppendResp, _batches),
        server_stream(f"{_STREAMS}/Read", pb.ReadReq, pb.ReadResp, _read),
    ]


async def _end_of_input() -> None:
    await asyncio.to_thread(sys.stdin.read)


async def _serve_null() -> None:
    grpc = GrpcConnections(_methods())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(grpc.protocol, grpc.protocol), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await _end_of_input()
    server.close()
    await grpc.close(1)


async def _serve(url: str) -> None:
    store = await open_store(url)
    async with serving(store, ServerSettings(port=0)) as server:
        print(server.port, flush=True)
        await _end_of_input()
    await store.close()


if __name__ == "__main__":
    target = sys.argv[1]
    uvloop.run(_serve_null() if target == "null" else _serve(target))
