"""What a persistent subscription is told, and how that is written down."""

from __future__ import annotations

from typing import Final

import msgspec
from kurrentdbclient.protos.v1 import persistent_pb2 as pb

from backstory.server.persistent.failures import failed

SettingsMessage = pb.CreateReq.Settings | pb.UpdateReq.Settings

ROUND_ROBIN: Final = "RoundRobin"
DISPATCH_TO_SINGLE: Final = "DispatchToSingle"
PINNED: Final = "Pinned"
PINNED_BY_CORRELATION: Final = "PinnedByCorrelation"
STRATEGIES: Final = (ROUND_ROBIN, DISPATCH_TO_SINGLE, PINNED, PINNED_BY_CORRELATION)

_BY_NUMBER: Final = (DISPATCH_TO_SINGLE, ROUND_ROBIN, PINNED)
_TICKS_OF_A_MILLISECOND: Final = 10_000


class FilterSpec(msgspec.Struct, frozen=True):
    """The filter of a group to `$all`, as it was given."""

    by_type: bool
    regex: str = ""
    prefixes: tuple[str, ...] = ()


class GroupSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a group reads, buffers, delivers, tries again and remembers where it is.

    Times are in milliseconds; a `message_timeout_ms` or `checkpoint_after_ms` of 0 means never, a
    `max_subscriber_count` of 0 any number.
    """

    resolve_links: bool = False
    extra_statistics: bool = False
    message_timeout_ms: int = 30_000
    max_retry_count: int = 10
    checkpoint_after_ms: int = 2_000
    min_checkpoint_count: int = 10
    max_checkpoint_count: int = 1_000
    max_subscriber_count: int = 0
    live_buffer_size: int = 500
    read_batch_size: int = 20
    history_buffer_size: int = 500
    strategy: str = ROUND_ROBIN


class GroupConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A group: what it reads, from where, and how.

    `stream` is None for `$all`. The group begins behind `start`, a revision or position that was
    found when it was created; `start_from` is how the client put it.
    """

    stream: str | None
    group: str
    start: int
    start_from: str
    filter: FilterSpec | None = None
    settings: GroupSettings

    @property
    def source(self) -> str:
        """Return what the group reads, by name."""
        return "$all" if self.stream is None else self.stream

    @property
    def id(self) -> str:
        """Return the name by which the group is known."""
        return f"{self.source}::{self.group}"


def settings_of(message: SettingsMessage, source: str, group: str) -> GroupSettings:
    """Return the settings in *message*; raises `Failure` when a group cannot work with them."""
    strategy = message.consumer_strategy if isinstance(message, pb.CreateReq.Settings) else ""
    if not strategy:
        number = message.named_consumer_strategy
        strategy = _BY_NUMBER[number] if number < len(_BY_NUMBER) else str(number)
    if strategy not in STRATEGIES:
        raise failed(source, group, f"Consumer strategy {strategy} does not exist.")
    settings = GroupSettings(
        resolve_links=message.resolve_links,
        extra_statistics=message.extra_statistics,
        message_timeout_ms=_timeout(message),
        max_retry_count=message.max_retry_count,
        checkpoint_after_ms=_checkpoint_after(message),
        min_checkpoint_count=message.min_checkpoint_count,
        max_checkpoint_count=message.max_checkpoint_count,
        max_subscriber_count=message.max_subscriber_count,
        live_buffer_size=message.live_buffer_size,
        read_batch_size=message.read_batch_size,
        history_buffer_size=message.history_buffer_size,
        strategy=strategy,
    )
    _check(settings, source, group)
    return settings


def _timeout(message: SettingsMessage) -> int:
    if message.WhichOneof("message_timeout") == "message_timeout_ticks":
        return int(message.message_timeout_ticks // _TICKS_OF_A_MILLISECOND)
    return int(message.message_timeout_ms)


def _checkpoint_after(message: SettingsMessage) -> int:
    if message.WhichOneof("checkpoint_after") == "checkpoint_after_ticks":
        return int(message.checkpoint_after_ticks // _TICKS_OF_A_MILLISECOND)
    return int(message.checkpoint_after_ms)


def _check(settings: GroupSettings, source: str, group: str) -> None:
    numbers = {
        "message timeout": settings.message_timeout_ms,
        "maximum retry count": settings.max_retry_count,
        "checkpoint time": settings.checkpoint_after_ms,
        "maximum subscriber count": settings.max_subscriber_count,
        "minimum checkpoint count": settings.min_checkpoint_count,
    }
    for name, number in numbers.items():
        if number < 0:
            raise failed(source, group, f"The {name} must not be negative, and is {number}.")
    if settings.read_batch_size <= 0 or settings.history_buffer_size <= 0:
        raise failed(source, group, "Read batch and history buffer must hold at least one event.")
    if settings.read_batch_size >= settings.history_buffer_size:
        raise failed(source, group, "BufferSize must be larger than ReadBatchSize.")
