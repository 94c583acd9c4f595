"""The calls about groups that are one question and one answer."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import persistent_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared
from msgspec.structs import replace

from backstory.server.failures import stream_not_found
from backstory.server.node import Node
from backstory.server.persistent.creating import (
    ALL,
    config_of,
    source_of,
    start_in_all,
    start_in_stream,
)
from backstory.server.persistent.groups import Groups
from backstory.server.persistent.info import info_of
from backstory.server.persistent.running import RunningGroup
from backstory.server.persistent.settings import GroupConfig, settings_of
from backstory.server.streams.names import stream_named


class Service:
    """Answers for the groups of a node."""

    def __init__(self, node: Node, groups: Groups) -> None:
        """Answer for *groups*."""
        self._node = node
        self._groups = groups

    async def create(self, request: pb.CreateReq, _call: object) -> pb.CreateResp:
        """Create a group."""
        await self._groups.create(await config_of(self._node, request.options))
        return pb.CreateResp()

    async def update(self, request: pb.UpdateReq, _call: object) -> pb.UpdateResp:
        """Give a group other settings; it begins where it was, and keeps its filter."""
        options = request.options
        source = _updated_source(options)
        settings = settings_of(options.settings, source, options.group_name)
        found = await self._groups.find(source, options.group_name)
        if source == ALL:
            start, shown = await start_in_all(self._node.store, options.all, options.group_name)
        else:
            start, shown = await start_in_stream(self._node, source, options)
        if not settings.strategy:  # pragma: no cover - every enumeration has a name
            settings = replace(settings, strategy=found.config.settings.strategy)

        def changed(config: GroupConfig) -> GroupConfig:
            return replace(config, settings=settings, start=start, start_from=shown)

        await self._groups.update(source, options.group_name, changed)
        return pb.UpdateResp()

    async def delete(self, request: pb.DeleteReq, _call: object) -> pb.DeleteResp:
        """Delete a group."""
        options = request.options
        kind = options.WhichOneof("stream_option")
        source = source_of(kind, options.stream_identifier)
        await self._groups.delete(source, options.group_name)
        return pb.DeleteResp()

    async def info(self, request: pb.GetInfoReq, _call: object) -> pb.GetInfoResp:
        """Tell how a group stands."""
        options = request.options
        kind = options.WhichOneof("stream_option")
        source = source_of(kind, options.stream_identifier)
        group = await self._groups.find(source, options.group_name)
        return pb.GetInfoResp(subscription_info=info_of(await _known(group)))

    async def replay(self, request: pb.ReplayParkedReq, _call: object) -> pb.ReplayParkedResp:
        """Deliver what is parked once more; answers before that is done."""
        options = request.options
        kind = options.WhichOneof("stream_option")
        source = source_of(kind, options.stream_identifier)
        group = await self._groups.find(source, options.group_name)
        limited = options.WhichOneof("stop_at_option") == "stop_at"
        await group.replay(max(options.stop_at, 0) if limited else None)
        return pb.ReplayParkedResp()

    async def list(self, request: pb.ListReq, _call: object) -> pb.ListResp:
        """Tell how all groups stand, or those of a stream."""
        options = request.options
        source = None
        if options.WhichOneof("list_option") == "list_for_stream":
            wanted = options.list_for_stream
            kind = wanted.WhichOneof("stream_option")
            source = ALL if kind == "all" else stream_named(wanted.stream)
        groups = await self._groups.all(source)
        if source is not None and not groups:
            raise stream_not_found(source)
        answer = pb.ListResp()
        for group in groups:
            answer.subscriptions.append(info_of(await _known(group)))
        return answer

    async def restart(self, _request: shared.Empty, _call: object) -> shared.Empty:
        """Drop all consumers and begin anew from what is written down."""
        await self._groups.close()
        return shared.Empty()


async def _known(group: RunningGroup) -> RunningGroup:
    if not group.running:
        await group.load_parked()
    return group


def _updated_source(options: pb.UpdateReq.Options) -> str:
    kind = options.WhichOneof("stream_option")
    if kind == "all":
        return ALL
    if kind == "stream":
        return stream_named(options.stream.stream_identifier)
    # How it was said before 21.10.
    return stream_named(options.stream_identifier)  # type: ignore[deprecated]  # older clients send it
