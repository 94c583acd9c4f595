"""From the messages that create and change a group to what it is."""

from __future__ import annotations

from kurrentdbclient.protos.v1 import persistent_pb2 as pb
from kurrentdbclient.protos.v1 import shared_pb2 as shared

from backstory.core.store import EventStore
from backstory.server.failures import invalid_argument
from backstory.server.node import Node
from backstory.server.persistent.failures import failed
from backstory.server.persistent.settings import FilterSpec, GroupConfig, settings_of
from backstory.server.reading.filters import filter_of
from backstory.server.reading.views import view_of
from backstory.server.streams.names import is_end, revision_of, stream_named

ALL = "$all"


def source_of(kind: str | None, identifier: shared.StreamIdentifier) -> str:
    """Return the name of what a group reads; raises `Failure` when none is given."""
    return ALL if kind == "all" else stream_named(identifier)


async def config_of(node: Node, options: pb.CreateReq.Options) -> GroupConfig:
    """Return the group that *options* describe; raises `Failure` when there cannot be such."""
    if not options.group_name:
        text = "a group needs a name"
        raise invalid_argument(text)
    if options.WhichOneof("stream_option") == "all":
        start, start_from = await start_in_all(node.store, options.all, options.group_name)
        return GroupConfig(
            stream=None,
            group=options.group_name,
            start=start,
            start_from=start_from,
            filter=_filter(options.all),
            settings=settings_of(options.settings, ALL, options.group_name),
        )
    identifier = options.stream_identifier  # type: ignore[deprecated]  # older clients send it
    if options.WhichOneof("stream_option") == "stream":
        identifier = options.stream.stream_identifier
    stream = stream_named(identifier)
    start, start_from = await start_in_stream(node, stream, options)
    return GroupConfig(
        stream=stream,
        group=options.group_name,
        start=start,
        start_from=start_from,
        settings=settings_of(options.settings, stream, options.group_name),
    )


def _filter(options: pb.CreateReq.AllOptions) -> FilterSpec | None:
    if options.WhichOneof("filter_option") != "filter":
        return None
    checked = filter_of(options.filter)
    pattern = "" if checked.pattern is None else checked.pattern.pattern
    return FilterSpec(checked.by_type, pattern, checked.prefixes)


async def start_in_all(
    store: EventStore, options: pb.CreateReq.AllOptions | pb.UpdateReq.AllOptions, group: str
) -> tuple[int, str]:
    """Return the position behind which a group to `$all` begins, and how that is shown."""
    kind = options.WhichOneof("all_option")
    if kind == "end":
        return await store.head(), "C:-1/P:-1"
    if kind != "position":
        return 0, "C:0/P:0"
    commit, prepare = options.position.commit_position, options.position.prepare_position
    if is_end(commit):
        return await store.head(), "C:-1/P:-1"
    if revision_of(commit) > await store.head():
        raise failed(ALL, group, f"{group} must start from a position in the log")
    return commit - 1, f"C:{commit}/P:{prepare}"


async def start_in_stream(
    node: Node, stream: str, options: pb.CreateReq.Options | pb.UpdateReq.Options
) -> tuple[int, str]:
    """Return the revision behind which a group to a stream begins, and how that is shown."""
    kind = options.stream.WhichOneof("revision_option")
    revision = options.stream.revision
    if options.WhichOneof("stream_option") != "stream":  # how it was said before 21.10
        kind, revision = "revision", options.settings.revision
    if kind == "end" or is_end(revision):
        last = (await view_of(node, stream).standing()).last
        return -1 if last is None else last, "-1"
    if kind != "revision":
        return -1, "0"
    return revision_of(revision) - 1, str(revision)
