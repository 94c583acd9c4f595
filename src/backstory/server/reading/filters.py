"""Filters of `$all`: by type or by stream, by prefixes or by a regular expression.

Patterns are Python's, which backtrack and look ahead as those of .NET do, and are searched for, not
anchored: so clients expect. Names are at most 1,000 bytes and patterns `MAX_PATTERN`; still a
client can write a pattern that takes long, as with every such server.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from kurrentdbclient.protos.v1 import persistent_pb2 as persistent
from kurrentdbclient.protos.v1 import streams_pb2 as streams

from backstory.core.events import RecordedEvent
from backstory.core.read import Read
from backstory.server.failures import invalid_argument
from backstory.server.reading.indexes import Index, index_named

MAX_PATTERN: Final = 10_000
"""Longest regular expression, in characters."""

WINDOW: Final = 32
"""How many events are looked at in one go when the client does not say."""

FilterMessage = (
    streams.ReadReq.Options.FilterOptions | persistent.CreateReq.AllOptions.FilterOptions
)


class EventFilter(msgspec.Struct, frozen=True):
    """Which events of `$all` are wanted; `interval` is how often to tell of those passed over."""

    by_type: bool = True
    prefixes: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    interval: int = WINDOW
    index: Index | None = None

    @property
    def query(self) -> Read:
        """Return a read of all that may be wanted, and of what else stands there."""
        return Read() if self.index is None else self.index.query

    def matches(self, event: RecordedEvent) -> bool:
        """Return whether *event* is wanted."""
        if self.index is not None:
            return self.index.holds(event)
        name = event.type if self.by_type else event.stream
        if self.pattern is not None:
            return self.pattern.search(name) is not None
        return name.startswith(self.prefixes)


def filter_of(message: FilterMessage) -> EventFilter:
    """Return the filter that *message* describes; raises `Failure` when it describes none."""
    target = message.WhichOneof("filter")
    window = message.WhichOneof("window")
    if target is None or window is None:
        text = f"a filter needs {'a window' if target else 'stream_identifier or event_type'}"
        raise invalid_argument(text)
    if message.checkpointIntervalMultiplier == 0:
        text = "checkpointIntervalMultiplier is from 1 up"
        raise invalid_argument(text)
    size = message.max if window == "max" else WINDOW
    expression = getattr(message, target)
    return made(
        by_type=target == "event_type",
        prefixes=tuple(expression.prefix),
        pattern=expression.regex,
        interval=max(1, size) * message.checkpointIntervalMultiplier,
    )


def made(
    *, by_type: bool, prefixes: tuple[str, ...], pattern: str, interval: int = WINDOW
) -> EventFilter:
    """Return a filter by prefixes, unless there is a *pattern*; raises `Failure` for none."""
    return EventFilter(
        by_type=by_type,
        prefixes=prefixes,
        pattern=_compiled(pattern) if pattern else None,
        interval=interval,
        index=None if by_type or pattern else index_named(prefixes),
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_PATTERN:
        text = f"a regular expression has at most {MAX_PATTERN} characters, not {len(pattern)}"
        raise invalid_argument(text)
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        text = f"the regular expression {pattern[:100]!r} cannot be used: {error}"
        raise invalid_argument(text) from error
