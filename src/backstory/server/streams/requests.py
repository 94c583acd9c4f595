"""What a read asks for, once its options were found to make sense."""

from __future__ import annotations

from typing import Final

import msgspec
from kurrentdbclient.protos.v1 import streams_pb2 as pb

from backstory.core.read import BACKWARDS, FORWARDS, Direction
from backstory.server.failures import invalid_argument
from backstory.server.reading.filters import EventFilter, filter_of
from backstory.server.streams.names import is_end, revision_of, stream_named

_MANY: Final = 2**63 - 1


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One read: of a stream, or of `$all` (`stream` None), once or as a subscription.

    `key` is the revision or position that it names, None for `from_start` or the end. `count` is
    None for a subscription.
    """

    stream: str | None
    key: int | None
    from_start: bool
    direction: Direction
    count: int | None
    filter: EventFilter | None
    resolve: bool
    structured: bool
    compatibility: int


def request_of(request: pb.ReadReq) -> ReadRequest:
    """Return what *request* asks for; raises `Failure` when its options do not go together."""
    options = request.options
    target, count = options.WhichOneof("stream_option"), options.WhichOneof("count_option")
    if target is None or count is None:
        text = "a read needs a stream or all, and a count or a subscription"
        raise invalid_argument(text)
    if options.WhichOneof("filter_option") is None:
        text = "a read needs a filter, or says that it has none"
        raise invalid_argument(text)
    if options.uuid_option.WhichOneof("content") is None:
        text = "a read says how it wants its UUIDs: uuid_option"
        raise invalid_argument(text)
    backwards = options.read_direction == pb.ReadReq.Options.Backwards
    if count == "subscription" and backwards:
        text = "a subscription goes forwards"
        raise invalid_argument(text)
    wanted = None
    if options.WhichOneof("filter_option") == "filter":
        if target == "stream":
            text = "a filter is for reads of all"
            raise invalid_argument(text)
        wanted = filter_of(options.filter)
    key, from_start = _start(options)
    return ReadRequest(
        stream=None if target == "all" else stream_named(options.stream.stream_identifier),
        key=key,
        from_start=from_start,
        direction=BACKWARDS if backwards else FORWARDS,
        count=min(options.count, _MANY) if count == "count" else None,
        filter=wanted,
        resolve=options.resolve_links,
        structured=options.uuid_option.WhichOneof("content") == "structured",
        compatibility=options.control_option.compatibility,
    )


def _start(options: pb.ReadReq.Options) -> tuple[int | None, bool]:
    """Return the key that the read begins at, and whether it begins at the very start."""
    if options.WhichOneof("stream_option") == "stream":
        return _stream_start(options.stream)
    kind = options.all.WhichOneof("all_option")
    if kind != "position":
        return None, kind != "end"
    position = options.all.position
    commit, prepare = position.commit_position, position.prepare_position
    if is_end(commit) and is_end(prepare):
        return None, False
    if commit < prepare:
        text = "Trying to read from an invalid position."
        raise invalid_argument(text)
    return revision_of(commit), False


def _stream_start(stream: pb.ReadReq.Options.StreamOptions) -> tuple[int | None, bool]:
    kind = stream.WhichOneof("revision_option")
    if kind == "revision" and not is_end(stream.revision):
        return revision_of(stream.revision), False
    return None, kind not in {"end", "revision"}
