"""The calls about projections, one method each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from google.protobuf import struct_pb2
from kurrentdbclient.protos.v1 import projections_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared
from msgspec.structs import replace

from backstory.server.calls import Call
from backstory.server.failures import invalid_argument, unavailable, unhandled
from backstory.server.node import Node
from backstory.server.projections.failures import (
    conflict,
    not_found,
    operation_failed,
    transient_refused,
)
from backstory.server.projections.statistics import SYSTEM, details_of, details_of_system
from backstory.server.projections.storage import (
    Projection,
    Projections,
    ProjectionStorage,
    Standing,
)

_Call = Call[Any, Any]
_Statistics = Call[pb.StatisticsReq, pb.StatisticsResp]


class Service:
    """Answers from what is kept in the store."""

    def __init__(self, node: Node) -> None:
        """Answer for *node*."""
        self._node = node
        self._storage = ProjectionStorage(node.store)

    async def create(self, request: pb.CreateReq, _call: _Call) -> pb.CreateResp:
        """Keep a projection; raises `Failure` for one that exists."""
        options = request.options
        mode = options.WhichOneof("mode")
        if mode == "transient":
            raise transient_refused()
        asked = options.continuous
        if mode == "continuous" and not asked.name:
            text = "a projection needs a name"
            raise invalid_argument(text)
        if asked.track_emitted_streams and not asked.emit_enabled:
            raise unhandled()  # so 25.0 says that options contradict each other
        created = Projection(
            name=asked.name if mode == "continuous" else f"one-time-{uuid4()}",
            query=options.query,
            continuous=mode == "continuous",
            emit=asked.emit_enabled,
            track=asked.track_emitted_streams,
        )

        def added(there: Projections) -> Projections:
            if any(one.name == created.name for one in there) or created.name in SYSTEM:
                raise conflict()
            return (*there, created)

        await self._storage.change(added)
        return pb.CreateResp()

    async def update(self, request: pb.UpdateReq, _call: _Call) -> pb.UpdateResp:
        """Change the query of a projection, and whether it emits."""
        options = request.options
        emits = options.WhichOneof("emit_option") == "emit_enabled" and options.emit_enabled
        keeps = options.WhichOneof("emit_option") is None

        def updated(one: Projection) -> Projection:
            return replace(
                one,
                query=options.query,
                emit=one.emit if keeps else emits,
                version=one.version + 1,
            )

        await self._change(options.name, updated)
        return pb.UpdateResp()

    async def delete(self, request: pb.DeleteReq, _call: _Call) -> pb.DeleteResp:
        """Forget a projection, which must not be enabled."""
        name = request.options.name

        def removed(there: Projections) -> Projections:
            found = _found(there, name)
            if found.standing is Standing.ENABLED:
                raise operation_failed()
            return tuple(one for one in there if one.name != name)

        await self._storage.change(removed)
        return pb.DeleteResp()

    async def enable(self, request: pb.EnableReq, _call: _Call) -> pb.EnableResp:
        """Want a projection to run; those of the system do."""
        name = request.options.name
        if name not in SYSTEM:
            await self._change(name, lambda one: replace(one, standing=Standing.ENABLED))
        return pb.EnableResp()

    async def disable(self, request: pb.DisableReq, _call: _Call) -> pb.DisableResp:
        """Want a projection to stop, or to break off; those of the system cannot."""
        options = request.options
        standing = Standing.STOPPED if options.write_checkpoint else Standing.ABORTED
        await self._change(options.name, lambda one: replace(one, standing=standing))
        return pb.DisableResp()

    async def reset(self, request: pb.ResetReq, _call: _Call) -> pb.ResetResp:
        """Have a projection begin anew, which changes nothing: it never began."""
        if request.options.name not in SYSTEM:
            _found(await self._storage.all(), request.options.name)
        return pb.ResetResp()

    async def statistics(self, request: pb.StatisticsReq, call: _Statistics) -> None:
        """Tell how projections stand: the one that is named, or those of a mode."""
        options = request.options
        mode = options.WhichOneof("mode")
        there = await self._storage.all()
        if mode == "name":
            if options.name in SYSTEM:
                await call.send(await details_of_system(self._node, options.name))
                return
            await call.send(details_of(_found(there, options.name)))
            return
        if mode in {"all", "continuous"}:
            for name in SYSTEM:
                await call.send(await details_of_system(self._node, name))
        for one in there:
            if mode == "all" or (mode == "continuous") == one.continuous:
                await call.send(details_of(one))

    async def state(self, request: pb.StateReq, _call: _Call) -> pb.StateResp:
        """Tell the state of a projection: empty, for none has run."""
        await self._check_answers(request.options.name)
        return pb.StateResp(state=_nothing())

    async def result(self, request: pb.ResultReq, _call: _Call) -> pb.ResultResp:
        """Tell the result of a projection: empty, for none has run."""
        await self._check_answers(request.options.name)
        return pb.ResultResp(result=_nothing())

    async def restart(self, _request: shared.Empty, _call: _Call) -> shared.Empty:
        """Restart what runs projections, which is nothing."""
        return shared.Empty()

    async def _check_answers(self, name: str) -> None:
        """Raise when there is no such projection; wait for ever when it has no query, as 25.0."""
        if name in SYSTEM:
            return
        if not _found(await self._storage.all(), name).query:
            await self._node.stopping.wait()
            raise unavailable()

    async def _change(self, name: str, change: Callable[[Projection], Projection]) -> None:
        if name in SYSTEM:
            raise operation_failed()

        def changed(there: Projections) -> Projections:
            _found(there, name)
            return tuple(change(one) if one.name == name else one for one in there)

        await self._storage.change(changed)


def _found(there: Projections, name: str) -> Projection:
    for one in there:
        if one.name == name:
            return one
    raise not_found(name)


def _nothing() -> struct_pb2.Value:
    return struct_pb2.Value(struct_value=struct_pb2.Struct())
